/* SPDX-License-Identifier: ISC */
/*
 * Counting what was lost in write-back, and who knows. The kernel keeps a record of the same kind, but reports
 * each error only once; a program that asks twice whether its data is safe gets the same answer here.
 */
#include "losses.h"

#include "failure.h"

void losses_init(struct losses *losses)
{
    *losses = (struct losses){ .first = COFFER_ERROR_INIT };
    pthread_mutex_init(&losses->lock, NULL);
}

void losses_destroy(struct losses *losses)
{
    pthread_mutex_destroy(&losses->lock);
}

void losses_note(struct losses *losses, int sys, const struct coffer_error *error)
{
    pthread_mutex_lock(&losses->lock);
    failure_set(&losses->first, COFFER_FAILED, sys, "data was lost: it could not be written: %.180s", error->text);
    pthread_mutex_unlock(&losses->lock);
}

void losses_add(struct losses *losses, int sys, const struct coffer_error *error)
{
    losses_note(losses, sys, error);
    atomic_store(&losses->sys, sys);
    atomic_fetch_add(&losses->count, 1);
}

uint32_t losses_mark(const struct losses *losses)
{
    return atomic_load(&losses->told);
}

int losses_report(struct losses *losses, uint32_t mark)
{
    const unsigned count = atomic_load(&losses->count);
    if (count == mark) {
        return 0;
    }
    atomic_store(&losses->told, count);
    return atomic_load(&losses->sys);
}

enum coffer_status losses_first(struct losses *losses, struct coffer_error *error)
{
    pthread_mutex_lock(&losses->lock);
    const struct coffer_error first = losses->first;
    pthread_mutex_unlock(&losses->lock);
    return first.status == COFFER_OK ? COFFER_OK : failure_set(error, first.status, first.sys, "%s", first.text);
}
