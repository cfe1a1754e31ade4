/* SPDX-License-Identifier: ISC */
/* memory_budget.h - whether a key derivation fits into this machine, asked before anything is allocated. */
#ifndef CORE_MEMORY_BUDGET_H
#define CORE_MEMORY_BUDGET_H

#include "coffer.h"

/* Memory that can be had without harm, in KiB: the smaller of MemAvailable and what the control groups leave;
 * UINT64_MAX where neither can be read. */
uint64_t memory_budget_available(void);

/* memory in KiB may be at most three quarters of that. Errors: NO_MEMORY, naming both numbers. */
enum coffer_status memory_budget_allows(uint32_t memory, struct coffer_error *error);

#endif
