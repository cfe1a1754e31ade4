/* SPDX-License-Identifier: ISC */
/* derivation.h - one key derivation as the progress callback sees it; what the callback says ends it. */
#ifndef CORE_DERIVATION_H
#define CORE_DERIVATION_H

#include "coffer.h"

struct derivation {
    const struct coffer_callbacks *callbacks;
    char what[32];
    uint64_t done, total; /* rounds */
    int64_t asked_ns;     /* when the callback was last called */
};

/* `total` rounds of `what`, "key slot 3". */
void derivation_begin(struct derivation *derivation, const struct coffer_callbacks *callbacks, const char *what,
                      uint64_t total);

/* A crypto_go_on_fn whose `user` is a derivation; on the thread that called the library. */
bool derivation_go_on(void *user, uint32_t rounds);

/* What to return once it was stopped. */
enum coffer_status derivation_interrupted(struct coffer_error *error);

#endif
