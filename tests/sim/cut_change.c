/* SPDX-License-Identifier: ISC */
/*
 * Changing a key under power cuts: KEYUPD-5, and in place when all slots are full: KEYUPD-7.
 */
#include "helper_keys.h"

int main(void)
{
    static const struct update UPDATES[] = {
        {
            .name = "change a key, marked",
            .prepare = keys_prepare_marked,
            .run = keys_change,
            .secrets = OLD | BYSTANDER | NEW | GONE | SECRET(SPARE),
            .during = { OLD | BYSTANDER, OLD | BYSTANDER | NEW, BYSTANDER | NEW },
            .after = BYSTANDER | NEW,
            .writes = WRITES_OUTER,
            .spare = SPARE,
        },
        {
            .name = "change a key, unmarked",
            .prepare = keys_prepare_unmarked,
            .run = keys_change,
            .secrets = OLD | BYSTANDER | NEW | GONE | SECRET(SPARE),
            .during = { OLD | BYSTANDER, OLD | BYSTANDER | NEW, BYSTANDER | NEW },
            .after = BYSTANDER | NEW,
            .writes = WRITES_OUTER,
            .spare = SPARE,
        },
        {
            .name = "change in place, 15 slots full",
            .prepare = keys_prepare_full,
            .opener = 4,
            .run = keys_change,
            .secrets = OLD | BYSTANDER | SECRET(4) | NEW,
            .during = { OLD | BYSTANDER | SECRET(4), OLD | BYSTANDER | SECRET(4) | NEW, OLD | BYSTANDER | NEW },
            .after = OLD | BYSTANDER | NEW,
            .writes = WRITES_OUTER,
        },
    };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(UPDATES) / sizeof(UPDATES[0]); i++) {
        explore(&UPDATES[i]);
    }
    explore_with_passphrases(&UPDATES[0]);
    return 0;
}
