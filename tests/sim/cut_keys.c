/* SPDX-License-Identifier: ISC */
/*
 * Adding and removing keys under power cuts: UPD-1 to UPD-5, KEYUPD-1, KEYUPD-4, OPEN-11.
 */
#include "helper_keys.h"

#define FOUR (OLD | BYSTANDER | SECRET(4) | SECRET(5))

int main(void)
{
    static const struct update UPDATES[] = {
        {
            .name = "add a key, marked",
            .prepare = keys_prepare_marked,
            .run = keys_add,
            .secrets = OLD | BYSTANDER | NEW | GONE | SECRET(SPARE),
            .during = { OLD | BYSTANDER, OLD | BYSTANDER | NEW },
            .after = OLD | BYSTANDER | NEW,
            .writes = WRITES_OUTER,
            .spare = SPARE,
        },
        {
            .name = "add a key, unmarked",
            .prepare = keys_prepare_unmarked,
            .run = keys_add,
            .secrets = OLD | BYSTANDER | NEW | GONE | SECRET(SPARE),
            .during = { OLD | BYSTANDER, OLD | BYSTANDER | NEW },
            .after = OLD | BYSTANDER | NEW,
            .writes = WRITES_OUTER,
            .spare = SPARE,
        },
        {
            .name = "add a key to slot 6",
            .prepare = keys_prepare_many,
            .run = keys_add,
            .secrets = FOUR | NEW | SECRET(SPARE),
            .during = { FOUR, FOUR | NEW },
            .after = FOUR | NEW,
            .writes = WRITES_OUTER,
            .spare = SPARE,
        },
        {
            .name = "remove the key that opened the header",
            .prepare = keys_prepare_marked,
            .run = keys_remove_slot_0,
            .secrets = OLD | BYSTANDER | GONE | SECRET(SPARE),
            .during = { OLD | BYSTANDER, BYSTANDER },
            .after = BYSTANDER,
            .writes = WRITES_OUTER,
            .spare = SPARE,
        },
        {
            .name = "remove another key",
            .prepare = keys_prepare_many,
            .run = keys_remove_slot_4,
            .secrets = FOUR | SECRET(SPARE),
            .during = { FOUR, FOUR & ~SECRET(5) },
            .after = FOUR & ~SECRET(5),
            .writes = WRITES_OUTER,
            .spare = SPARE,
        },
    };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(UPDATES) / sizeof(UPDATES[0]); i++) {
        explore(&UPDATES[i]);
    }
    explore_with_passphrases(&UPDATES[0]);
    explore_with_passphrases(&UPDATES[4]);
    return 0;
}
