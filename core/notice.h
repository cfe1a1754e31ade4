/* SPDX-License-Identifier: ISC */
/* notice.h - telling the caller what did not fail but should be known. */
#ifndef CORE_NOTICE_H
#define CORE_NOTICE_H

#include <stddef.h>

#include "coffer.h"

/* Nothing happens without callbacks, or without that one. */
static inline void notice(const struct coffer_callbacks *callbacks, const char *text)
{
    if (callbacks != NULL && callbacks->notice != NULL) {
        callbacks->notice(callbacks->user, text);
    }
}

#endif
