/* SPDX-License-Identifier: ISC */
/*
 * Hidden volumes under power cuts: made, made again over another one, their keys changed; and what the owner of the
 * outer one does beside them: HIDDEN-1 to HIDDEN-4, HIDDEN-8, HEAL-1, UPD-5.
 *
 * Secret 0 and the bystander 1 open the outer volume, 4 a hidden one, 5 another.
 */
#include "helper_keys.h"

#define OUTER  (OLD | BYSTANDER)
#define HIDDEN SECRET(4)
#define SECOND SECRET(5)

static void prepare_filled(void)
{
    scene_create(SCENE_FILLED);
    struct coffer_header *header = scene_open(0);
    (void)scene_add(header, 1);
    coffer_header_close(header);
}

static void prepare_unmarked(void)
{
    scene_create(SCENE_UNMARKED);
    struct coffer_header *header = scene_open(0);
    (void)scene_add(header, 1);
    coffer_header_close(header);
}

static void prepare_hidden(void)
{
    prepare_filled();
    scene_hide(4);
}

static void prepare_hidden_unmarked(void)
{
    prepare_unmarked();
    scene_hide(4);
}

static enum coffer_status hide(unsigned secret, struct coffer_error *error)
{
    struct coffer_volume *volume;
    enum coffer_status status = scene_try_to_hide(secret, &volume, error);
    return status == COFFER_OK ? coffer_volume_close(volume, error) : status;
}

static enum coffer_status hide_4(struct coffer_header *header, struct coffer_error *error)
{
    (void)header;
    return hide(4, error);
}

static enum coffer_status hide_5(struct coffer_header *header, struct coffer_error *error)
{
    (void)header;
    return hide(5, error);
}

int main(void)
{
    static const struct update UPDATES[] = {
        {
            .name = "make a hidden volume, marked",
            .prepare = prepare_filled,
            .opener = EXPLORE_BY_PATH,
            .run = hide_4,
            .secrets = OUTER | HIDDEN,
            .during = { OUTER, OUTER | HIDDEN },
            .after = OUTER | HIDDEN,
            .writes = WRITES_HIDDEN,
            .made = HIDDEN,
        },
        {
            .name = "make a hidden volume, unmarked",
            .prepare = prepare_unmarked,
            .opener = EXPLORE_BY_PATH,
            .run = hide_4,
            .secrets = OUTER | HIDDEN,
            .during = { OUTER, OUTER | HIDDEN },
            .after = OUTER | HIDDEN,
            .writes = WRITES_HIDDEN,
            .made = HIDDEN,
        },
        {
            .name = "make a hidden volume over another one",
            .prepare = prepare_hidden,
            .opener = EXPLORE_BY_PATH,
            .run = hide_5,
            .secrets = OUTER | HIDDEN | SECOND,
            .during = { OUTER | HIDDEN, OUTER | HIDDEN | SECOND, OUTER | SECOND },
            .after = OUTER | SECOND,
            .writes = WRITES_HIDDEN,
            .no_garbage = true, /* each of the two is there once for a moment */
            .recovery_decides = true,
            .made = SECOND,
        },
        {
            .name = "add a key to a hidden volume, marked",
            .prepare = prepare_hidden,
            .opener = 4,
            .run = keys_add,
            .secrets = OUTER | HIDDEN | NEW | SECRET(SPARE),
            .during = { OUTER | HIDDEN, OUTER | HIDDEN | NEW },
            .after = OUTER | HIDDEN | NEW,
            .writes = WRITES_HIDDEN,
            .spare = SPARE,
        },
        {
            .name = "change the key of a hidden volume, unmarked",
            .prepare = prepare_hidden_unmarked,
            .opener = 4,
            .run = keys_change,
            .secrets = OUTER | HIDDEN | NEW | SECRET(SPARE),
            .during = { OUTER | HIDDEN, OUTER | HIDDEN | NEW, OUTER | NEW },
            .after = OUTER | NEW,
            .writes = WRITES_HIDDEN,
            .spare = SPARE,
        },
        {
            .name = "change the outer key around a hidden volume",
            .prepare = prepare_hidden,
            .run = keys_change,
            .secrets = OUTER | HIDDEN | NEW | SECRET(SPARE),
            .during = { OUTER | HIDDEN, OUTER | HIDDEN | NEW, BYSTANDER | HIDDEN | NEW },
            .after = BYSTANDER | HIDDEN | NEW,
            .writes = WRITES_OUTER,
            .spare = SPARE,
        },
        {
            .name = "change the outer key around one, unmarked",
            .prepare = prepare_hidden_unmarked,
            .run = keys_change,
            .secrets = OUTER | HIDDEN | NEW | SECRET(SPARE),
            .during = { OUTER | HIDDEN, OUTER | HIDDEN | NEW, BYSTANDER | HIDDEN | NEW },
            .after = BYSTANDER | HIDDEN | NEW,
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
    return 0;
}
