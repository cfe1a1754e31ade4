/* SPDX-License-Identifier: ISC */
/*
 * helper_explore.h - one update of a header, cut everywhere.
 *
 * The update runs once, on a machine that logs it. From the log every state that a power cut can leave is made, or
 * as many as the budget allows: the environment variable COFFER_SIM_STATES (default 100000), or a share of it where many
 * variants are one kind of update. Each state is looked at with all secrets, then opened for writing, which heals it; that
 * recovery is logged and cut in its turn. Recoveries and updates are also run with writes and flushes that fail, and
 * then updated again.
 *
 * What must hold in every state: exactly one of the allowed sets of secrets opens; every secret opens the volume
 * that it opened before; no other bytes are written than those named; a recovery changes nothing about who opens; a
 * healed volume is not written again; after a success that was reported, only the new set opens. Garbage hits
 * once in a history: what has been lost in both copies nobody can bring back.
 */
#ifndef HELPER_EXPLORE_H
#define HELPER_EXPLORE_H

#include "helper_scene.h"

enum {
    WRITES_OUTER = 1,  /* the blocks of volume 0 */
    WRITES_HIDDEN = 2, /* those of volume 1 */
    WRITES_ENDS = 4,   /* 64 KiB at both ends: restoring */
    WRITES_GROWTH = 8, /* what lies behind the data, and headers at the new end */
    WRITES_DATA = 16,  /* everything: creating */
};

#define EXPLORE_SETS    6u
#define EXPLORE_NOBODY  0x8000u /* as a set: no secret opens */
#define EXPLORE_BY_PATH SCENE_SECRETS

struct update {
    const char *name;
    void (*prepare)(void); /* makes the volume */
    unsigned opener;       /* the secret whose header `run` gets; EXPLORE_BY_PATH: none */
    enum coffer_status (*run)(struct coffer_header *header, struct coffer_error *error);
    unsigned secrets;              /* that are looked with */
    unsigned during[EXPLORE_SETS]; /* sets that may open while it is cut; ends with 0 */
    unsigned after;                /* the set that opens when it has succeeded */
    unsigned writes;
    bool no_garbage;            /* the volume was damaged before: what is left is there only once */
    bool garbage_only_at_first; /* a state that is cut short has cells that are there only once */
    unsigned made;              /* secrets of a volume that is made: another one each time */
    bool (*check)(const struct disk *disk, const struct view *view); /* of every state; may be NULL */
    bool recovery_decides;                                           /* which of two volumes stays */
    bool salt_is_lost; /* of volume 0: healing it brings cells of volume 1 back */
    unsigned share;    /* percent of the budget; 0 = all of it */
    unsigned spare;    /* a secret that opens nothing, to be added after failures; 0 = do not */
};

/* Runs all of it, and prints how many states it saw. Stops the test at the first that is wrong. */
void explore(const struct update *update);

/* Only some dozens of states, with passphrases. */
void explore_with_passphrases(const struct update *update);

#endif
