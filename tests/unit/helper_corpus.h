/* SPDX-License-Identifier: ISC */
/*
 * Volumes that other programs made, kept outside of the project in $COFFER_CORPUS, else in ../shared/corpus: INDEX.tsv
 * says what each of them is.
 */
#ifndef HELPER_CORPUS_H
#define HELPER_CORPUS_H

#include <stdbool.h>

#include "coffer.h"

/* One line of the index; the fields point into `line`. */
struct corpus_row {
    char line[4096];
    char *path, *format, *variant, *password, *pim, *key_files, *cipher, *expected;
};

struct corpus;

/* False, with the reason printed: a test skips. */
bool corpus_is_there(void);

struct corpus *corpus_open(void);
void corpus_close(struct corpus *corpus);

/* The next row of that format. */
bool corpus_next(struct corpus *corpus, const char *format, struct corpus_row *row);

/* Writes the volume of the row, unpacked, to `path`. */
void corpus_unpack(const struct corpus_row *row, const char *path);

/* The secret of the row. */
struct coffer_credential *corpus_credential(const struct corpus_row *row);

#endif
