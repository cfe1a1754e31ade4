/* SPDX-License-Identifier: ISC */
/*
 * count_derivations: stands in front of libgcrypt (LD_PRELOAD) and writes a line into the file that COUNT_DERIVATIONS names for
 * every block that PBKDF2 begins, with the name of the digest, and "argon2" for every run of that.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <gcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_line(const char *name)
{
    char line[64];
    const char *path = getenv("COUNT_DERIVATIONS");
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    int size = snprintf(line, sizeof(line), "%s\n", name);
    if (fd < 0 || write(fd, line, (size_t)size) != size) {
        abort();
    }
    close(fd);
}

/* The next one of that name, which is libgcrypt's; a pointer to data cannot be cast to one to a function. */
static void find(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    memcpy(function, &found, sizeof(found));
}

__attribute__((visibility("default"))) gcry_error_t gcry_md_setkey(gcry_md_hd_t digest, const void *key,
                                                                   size_t size)
{
    gcry_error_t (*next)(gcry_md_hd_t, const void *, size_t);
    find("gcry_md_setkey", &next);
    write_line(gcry_md_algo_name(gcry_md_get_algo(digest)));
    return next(digest, key, size);
}

__attribute__((visibility("default"))) gcry_error_t gcry_kdf_compute(gcry_kdf_hd_t kdf,
                                                                     const gcry_kdf_thread_ops_t *threads)
{
    gcry_error_t (*next)(gcry_kdf_hd_t, const gcry_kdf_thread_ops_t *);
    find("gcry_kdf_compute", &next);
    write_line("argon2");
    return next(kdf, threads);
}
