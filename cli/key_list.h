/* SPDX-License-Identifier: ISC */
/* key_list.h - the key slots in use, for people and for programs. */
#ifndef KEY_LIST_H
#define KEY_LIST_H

#include "coffer.h"

void key_list_print(const struct coffer_key keys[static COFFER_SLOTS]);
void key_list_print_json(const char *volume, const struct coffer_key keys[static COFFER_SLOTS]);

#endif
