/* SPDX-License-Identifier: ISC */
/*
 * helper_header.h - headers as a hostile owner of the key would write them: what is sealed is edited, and both copies
 * are sealed and written again, without a question.
 */
#ifndef HELPER_HEADER_H
#define HELPER_HEADER_H

#include "coffer.h"
#include "copies.h"

/* Opens the header of helper_path with `key`, a raw one, calls `edit`, and writes both copies. */
typedef void helper_edit_fn(struct copies *copies, void *user);
void helper_edit_header(const struct coffer_credential *key, helper_edit_fn *edit, void *user);

/* The present plaintext of the body. */
void helper_read_body(const struct coffer_credential *key, struct header_body *body);

#endif
