/* SPDX-License-Identifier: ISC */
/* stale.h - what servers leave behind that died before they could unmount: taken away by the next command. */
#ifndef STALE_H
#define STALE_H

#include <stdbool.h>

#include "mount_state.h"

/* Unmounts and removes what the dead server of `state` left, and names those who were using it. False when that is
 * not this process's to do (another one is at it) or cannot be done: then it has been said, and the state stays. */
bool stale_clean(struct mount_state *state);

/* The same for all dead ones of this user among `states`; says what happened to each. */
void stale_clean_own(struct mount_states *states);

/* For commands that want nothing else of the states. */
void stale_clean_all(void);

#endif
