/* SPDX-License-Identifier: ISC */
/* format_freeotfe.h - FreeOTFE for stores of which nothing is known, and for check. */
#ifndef CORE_FORMAT_FREEOTFE_H
#define CORE_FORMAT_FREEOTFE_H

#include "format.h"

/* Whether the options name it where they name no type. */
bool format_freeotfe_is_named(const struct coffer_open_options *options);

/* Whether the secret is one that it could have. */
bool format_freeotfe_fits(const struct coffer_credential *credential);

#endif
