/* SPDX-License-Identifier: ISC */
/* create_cost.h - what a guess at a new volume is to cost. */
#ifndef CREATE_COST_H
#define CREATE_COST_H

#include "coffer.h"

#define CREATE_FORMATS "coffer|luks2" /* that can be made */

/* memory: bytes, 0 = the default; passes: 0 = the default; level: of an unmarked volume, else -1. Warns where guessing
 * becomes cheap. */
void create_cost_settle(uint64_t memory, long passes, long level, struct coffer_create_options *create);

#endif
