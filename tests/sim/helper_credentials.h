/* SPDX-License-Identifier: ISC */
/* helper_credentials.h - all that makes a credential, for calls that fail. */
#ifndef SIM_HELPER_CREDENTIALS_H
#define SIM_HELPER_CREDENTIALS_H

#include "coffer.h"

/* The key file comes and goes. */
void credentials_begin(void);
void credentials_end(void);

/* Needs memory, and the key file. Nothing is left. */
enum coffer_status credentials_make(struct coffer_error *error);

#endif
