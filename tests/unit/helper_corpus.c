/* SPDX-License-Identifier: ISC */
/*
 * The index of the corpus is tab-separated, with a line of names first. Large volumes are packed with xz.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helper_corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 1024

struct corpus {
    FILE *index;
};

static void place(char path[PATH_SIZE], const char *name)
{
    const char *root = getenv("COFFER_CORPUS");
    snprintf(path, PATH_SIZE, "%s/%s", root != NULL ? root : SOURCE_DIR "/../shared/corpus", name);
    if (root == NULL && access(path, R_OK) != 0) { /* a worktree lies one deeper */
        snprintf(path, PATH_SIZE, "%s/%s", SOURCE_DIR "/../../shared/corpus", name);
    }
}

bool corpus_is_there(void)
{
    char path[PATH_SIZE];
    place(path, "INDEX.tsv");
    if (access(path, R_OK) != 0) {
        printf("volumes of other programs are not there (COFFER_CORPUS)\n");
        return false;
    }
    return true;
}

struct corpus *corpus_open(void)
{
    char path[PATH_SIZE];
    struct corpus *corpus = calloc(1, sizeof(*corpus));
    assert_non_null(corpus);
    place(path, "INDEX.tsv");
    corpus->index = fopen(path, "re");
    assert_non_null(corpus->index);
    return corpus;
}

void corpus_close(struct corpus *corpus)
{
    (void)fclose(corpus->index);
    free(corpus);
}

bool corpus_next(struct corpus *corpus, const char *format, struct corpus_row *row)
{
    while (fgets(row->line, sizeof(row->line), corpus->index) != NULL) {
        char **fields[] = { &row->path, &row->format,    &row->variant, &row->password,
                            &row->pim,  &row->key_files, &row->cipher,  &row->expected };
        char *rest = row->line;
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            *fields[i] = strsep(&rest, "\t\n");
            assert_non_null(*fields[i]);
        }
        if (strcmp(row->format, format) == 0) {
            return true;
        }
    }
    return false;
}

void corpus_unpack(const struct corpus_row *row, const char *path)
{
    char source[PATH_SIZE], command[3 * PATH_SIZE], name[PATH_SIZE];
    size_t size = strlen(row->path);
    snprintf(name, sizeof(name), "files/%s", row->path);
    place(source, name);
    bool is_packed = size > 3 && strcmp(row->path + size - 3, ".xz") == 0;
    snprintf(command, sizeof(command), "%s '%s' > '%s'", is_packed ? "xz -dc" : "cat", source, path);
    assert_int_equal(system(command), 0);
}

static void add_key_files(struct coffer_credential *credential, const char *list)
{
    char names[PATH_SIZE], path[PATH_SIZE], name[PATH_SIZE + 8];
    char *rest = names, *one;
    snprintf(names, sizeof(names), "%s", list);
    while ((one = strsep(&rest, ",")) != NULL) {
        if (one[0] != '\0') {
            snprintf(name, sizeof(name), "files/%s", one);
            place(path, name);
            assert_int_equal(coffer_credential_add_key_file(credential, path, NULL), COFFER_OK);
        }
    }
}

struct coffer_credential *corpus_credential(const struct corpus_row *row)
{
    struct coffer_credential *credential = coffer_credential_new();
    size_t size = strlen(row->password);
    assert_non_null(credential);
    if (size > 0) {
        struct coffer_secret *secret = coffer_secret_new(size);
        assert_non_null(secret);
        memcpy(coffer_secret_data(secret), row->password, size);
        coffer_secret_set_size(secret, size);
        assert_int_equal(coffer_credential_set_passphrase(credential, secret, NULL), COFFER_OK);
        coffer_secret_free(secret);
    }
    add_key_files(credential, row->key_files);
    return credential;
}
