/* SPDX-License-Identifier: ISC */
/*
 * check_foreign.h - what can be said about the headers of other programs. They are looked at and never written.
 */
#ifndef CORE_CHECK_FOREIGN_H
#define CORE_CHECK_FOREIGN_H

#include "format.h"
#include "luks.h"
#include "report.h"

/* A store with the magic of `format`, which is not ours; credential may be NULL. Errors: what kept it from looking,
 * WRONG_SECRET. */
enum coffer_status check_foreign(struct storage *storage, const struct format *format,
                                 const struct coffer_credential *credential,
                                 const struct coffer_open_options *options, struct report *report,
                                 struct coffer_error *error);

/* All look at a store with their magic, without a secret. Errors: what kept them from looking. */
enum coffer_status check_luks(struct storage *storage, struct report *report, struct coffer_error *error);
enum coffer_status check_bitlk(struct storage *storage, struct report *report, struct coffer_error *error);
enum coffer_status check_fvault(struct storage *storage, struct report *report, struct coffer_error *error);
enum coffer_status check_qcow(struct storage *storage, const struct coffer_callbacks *callbacks,
                              struct report *report, struct coffer_error *error);

/* A LUKS1 header and the key material of its slots, whatever its data is; *header has no segments where it is
 * damaged. */
enum coffer_status check_luks1_header(struct storage *storage, struct luks_header *header, struct report *report,
                                      struct coffer_error *error);

/* Looks for the two headers that the secret opens. Errors: also WRONG_SECRET, NOT_FOUND. */
enum coffer_status check_tcrypt(struct storage *storage, const struct coffer_credential *credential,
                                const struct coffer_open_options *options, struct report *report,
                                struct coffer_error *error);

/* Looks for the critical data block that the secret opens. Errors: the same. */
enum coffer_status check_freeotfe(struct storage *storage, const struct coffer_credential *credential,
                                  const struct coffer_open_options *options, struct report *report,
                                  struct coffer_error *error);

#endif
