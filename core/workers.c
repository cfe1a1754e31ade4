/* SPDX-License-Identifier: ISC */
/*
 * workers.c - a pool of cipher handles and buffers.
 *
 * Last in, first out: the buffer that was used last is the one that is still in the cache. Buffers hold
 * cleartext at times, so they are wiped and kept out of core dumps.
 */
#include "workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "processors.h"

#define COUNT_MIN 8
#define COUNT_MAX 32

static unsigned suitable_count(void)
{
    unsigned count = 2 * processors_up_to(COUNT_MAX / 2);
    return count < COUNT_MIN ? COUNT_MIN : count;
}

int workers_init(struct workers *workers, const struct crypto_sector_spec *sectors)
{
    unsigned count = suitable_count();
    memset(workers, 0, sizeof(*workers));
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->returned, NULL);
    workers->all = calloc(count, sizeof(*workers->all));
    void *memory =
        mmap(NULL, count * (size_t)WORKER_BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    workers->memory = memory == MAP_FAILED ? NULL : memory;
    if (workers->all == NULL || workers->memory == NULL) {
        workers_destroy(workers);
        return -ENOMEM;
    }
    workers->count = count;
    (void)madvise(memory, count * (size_t)WORKER_BUFFER_SIZE, MADV_DONTDUMP);
    for (unsigned i = 0; i < count; i++) {
        struct worker *worker = &workers->all[i];
        int result = crypto_sector_new_spec(&worker->cipher, sectors);
        if (result != 0) {
            workers_destroy(workers);
            return result;
        }
        worker->buffer = workers->memory + i * (size_t)WORKER_BUFFER_SIZE;
        worker->next = workers->idle;
        workers->idle = worker;
    }
    return 0;
}

void workers_destroy(struct workers *workers)
{
    for (unsigned i = 0; i < workers->count; i++) {
        crypto_sector_free(workers->all[i].cipher);
    }
    if (workers->memory != NULL) {
        crypto_wipe(workers->memory, workers->count * (size_t)WORKER_BUFFER_SIZE);
        (void)munmap(workers->memory, workers->count * (size_t)WORKER_BUFFER_SIZE);
    }
    free(workers->all);
    pthread_cond_destroy(&workers->returned);
    pthread_mutex_destroy(&workers->mutex);
}

struct worker *workers_take(struct workers *workers)
{
    pthread_mutex_lock(&workers->mutex);
    while (workers->idle == NULL) {
        pthread_cond_wait(&workers->returned, &workers->mutex);
    }
    struct worker *worker = workers->idle;
    workers->idle = worker->next;
    pthread_mutex_unlock(&workers->mutex);
    return worker;
}

void workers_return(struct workers *workers, struct worker *worker)
{
    pthread_mutex_lock(&workers->mutex);
    worker->next = workers->idle;
    workers->idle = worker;
    pthread_cond_signal(&workers->returned);
    pthread_mutex_unlock(&workers->mutex);
}
