/* SPDX-License-Identifier: ISC */
/*
 * remembered_list.h - what is remembered of volumes of VeraCrypt and TrueCrypt, as text: a line for each, the newest
 * first, "<start of the salt, in hex> <type> <hash>". No path, no time, nothing secret.
 */
#ifndef REMEMBERED_LIST_H
#define REMEMBERED_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REMEMBERED_SALT_SIZE 16 /* bytes of the salt, which is random: enough to know it again */
#define REMEMBERED_MAX       100

struct remembered {
    char salt[2 * REMEMBERED_SALT_SIZE + 1]; /* lower-case hex */
    char type[12];                           /* "veracrypt", "truecrypt" */
    char hash[12];                           /* a word of FORMAT_HASHES_TCRYPT */
};

struct remembered_list {
    struct remembered entry[REMEMBERED_MAX];
    size_t count;
};

void remembered_salt(const uint8_t salt[REMEMBERED_SALT_SIZE], struct remembered *entry);

/* Takes every line that is as it should be and passes over all others: whoever damages the file loses what it held. */
void remembered_list_parse(const char *text, size_t size, struct remembered_list *list);

/* All of it, to be freed; NULL: no memory. */
char *remembered_list_format(const struct remembered_list *list);

/* NULL when there is none. */
const struct remembered *remembered_list_find(const struct remembered_list *list, const char *salt);

/* Drops what the list has of this salt. False: nothing. */
bool remembered_list_drop(struct remembered_list *list, const char *salt);

/* Takes the place of what the list has of this salt; of too many the oldest goes. */
void remembered_list_put(struct remembered_list *list, const struct remembered *entry);

#endif
