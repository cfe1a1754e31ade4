/* SPDX-License-Identifier: ISC */
/* helper_power.c - see helper_power.h. */
#include "helper_power.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES   40
#define LARGEST 400000u

/* What is known of one name. */
struct known {
    bool exists;
    unsigned seed; /* of the contents */
    size_t size;
    unsigned changed; /* the step that touched it last */
    bool replaced;    /* by another file, and nothing else since the last sync; this was here: */
    unsigned old_seed;
    size_t old_size;
};

struct run_state {
    struct image image;
    struct known names[NAMES];
    unsigned seed, step, synced; /* synced: the step of the last sync that is over */
    uint64_t unnamed;            /* a file without a name that is still in use, or 0 */
    bool full_dir;               /* a directory with blocks of its own exists */
    uint8_t *buffer, *other;
};

static unsigned pick(struct run_state *state, unsigned most)
{
    return (unsigned)rand_r(&state->seed) % most;
}

static void name_of(unsigned i, char *path, size_t size)
{
    snprintf(path, size, "d%u/name%u", i % 3, i);
}

static void create(struct run_state *state, unsigned i)
{
    struct known *known = &state->names[i];
    char path[64];
    name_of(i, path, sizeof(path));
    *known = (struct known){ .exists = true, .seed = state->seed, .changed = state->step };
    known->size = 1 + pick(state, LARGEST);
    fill(state->buffer, known->size, known->seed);
    assert_int_equal(put_file(state->image.files, path, state->buffer, known->size), 0);
}

static void overwrite(struct run_state *state, unsigned i)
{
    struct known *known = &state->names[i];
    struct files *files = state->image.files;
    struct files_attr attr, change = { .size = 0 };
    char path[64];
    name_of(i, path, sizeof(path));
    *known = (struct known){ .exists = true, .seed = state->seed, .changed = state->step };
    known->size = 1 + pick(state, LARGEST);
    fill(state->buffer, known->size, known->seed);
    assert_int_equal(walk(files, path, &attr), 0);
    assert_int_equal(files->ops->setattr(files, attr.ino, FILES_SIZE, &change, NULL), 0);
    assert_int_equal(files->ops->write(files, attr.ino, state->buffer, known->size, 0), known->size);
}

static void delete (struct run_state *state, unsigned i)
{
    struct files *files = state->image.files;
    struct files_attr attr;
    uint64_t dir;
    const char *name;
    char path[64];
    name_of(i, path, sizeof(path));
    state->names[i].exists = state->names[i].replaced = false;
    state->names[i].changed = state->step;
    assert_int_equal(walk(files, path, &attr), 0);
    assert_int_equal(walk_parent(files, path, &dir, &name), 0);
    assert_int_equal(files->ops->unlink(files, dir, name), 0);
    if (pick(state, 2) == 0) { /* this one is used for a while, the one before it no longer */
        uint64_t old = state->unnamed;
        state->unnamed = attr.ino;
        attr.ino = old;
    }
    if (attr.ino != 0) {
        files->ops->evict(files, attr.ino);
    }
}

/* Blocks of structure come and go, and contents take their place. */
static void toggle_dir(struct run_state *state)
{
    char path[300];
    state->full_dir = !state->full_dir;
    if (state->full_dir) {
        assert_int_equal(make_dir(state->image.files, "extra"), 0);
    }
    for (unsigned i = 0; i < 60; i++) {
        snprintf(path, sizeof(path), "extra/%0*u", 200, i);
        assert_int_equal(state->full_dir ? put_file(state->image.files, path, NULL, 0)
                                         : remove_path(state->image.files, path),
                         0);
    }
    if (!state->full_dir) {
        assert_int_equal(remove_path(state->image.files, "extra"), 0);
    }
}

static void move(struct run_state *state, unsigned from, unsigned to)
{
    struct files *files = state->image.files;
    char path[64], new_path[64];
    uint64_t dir, new_dir;
    const char *name, *new_name;
    struct files_attr victim;
    name_of(from, path, sizeof(path));
    name_of(to, new_path, sizeof(new_path));
    const struct known old = state->names[to];
    bool both_synced = state->names[from].changed <= state->synced && old.changed <= state->synced;
    state->names[from].changed = state->names[to].changed = state->step;
    int found = walk(files, new_path, &victim);
    assert_int_equal(walk_parent(files, path, &dir, &name), 0);
    assert_int_equal(walk_parent(files, new_path, &new_dir, &new_name), 0);
    assert_int_equal(files->ops->rename(files, dir, name, new_dir, new_name, 0), 0);
    if (found == 0) {
        files->ops->evict(files, victim.ino);
    }
    state->names[to] = state->names[from];
    state->names[to].replaced = both_synced && old.exists;
    state->names[to].old_seed = old.seed;
    state->names[to].old_size = old.size;
    state->names[from].exists = state->names[from].replaced = false;
}

static void one_step(struct run_state *state)
{
    unsigned i = pick(state, NAMES);
    unsigned j = pick(state, NAMES);
    unsigned what = pick(state, 14);
    state->step++;
    if (what >= 12) {
        toggle_dir(state);
    } else if (!state->names[i].exists) {
        create(state, i);
    } else if (what < 4) {
        overwrite(state, i);
    } else if (what < 8) {
        delete (state, i);
    } else if (what < 10 && i != j) {
        move(state, i, j);
    } else {
        assert_int_equal(state->image.files->ops->sync(state->image.files), 0);
        if (!fake_volume_was_cut(state->image.volume)) {
            state->synced = state->step;
        }
    }
}

static bool has_contents(struct run_state *state, struct files *files, const struct files_attr *attr,
                         unsigned seed, size_t size)
{
    fill(state->buffer, size, seed);
    return attr->size == size && files->ops->read(files, attr->ino, state->other, LARGEST, 0) == (ssize_t)size &&
           memcmp(state->buffer, state->other, size) == 0;
}

/* The name that was renamed over is one of the two files. */
static void check_replaced(struct run_state *state, struct files *files, const struct known *known,
                           const char *name)
{
    struct files_attr attr;
    int found = walk(files, name, &attr);
    if (found != 0 || (!has_contents(state, files, &attr, known->old_seed, known->old_size) &&
                       !has_contents(state, files, &attr, known->seed, known->size))) {
        fail_msg("'%s', replaced in step %u, synced in %u, is neither: %d", name, known->changed, state->synced,
                 found);
    }
}

/* What recovery has left must hold what the last sync promised. */
static void check(struct run_state *state, const char *path)
{
    struct image after = { .kind = state->image.kind };
    snprintf(after.path, sizeof(after.path), "%s", path);
    assert_int_equal(after.kind->repair(path), 0);
    image_must_open(&after);
    for (unsigned i = 0; i < NAMES; i++) {
        const struct known *known = &state->names[i];
        struct files_attr attr;
        char name[64];
        name_of(i, name, sizeof(name));
        if (known->changed > state->synced) {
            if (known->replaced && after.kind->replaces) {
                check_replaced(state, after.files, known, name);
            }
            continue;
        }
        int found = walk(after.files, name, &attr);
        if (found != (known->exists ? 0 : -ENOENT)) {
            fail_msg("'%s' of step %u: %d after a sync at step %u", name, known->changed, found, state->synced);
        }
        if (known->exists) {
            fill(state->buffer, known->size, known->seed);
            assert_int_equal(attr.size, known->size);
            assert_int_equal(after.files->ops->read(after.files, attr.ino, state->other, LARGEST, 0), known->size);
            if (memcmp(state->buffer, state->other, known->size) != 0) {
                fail_msg("contents of '%s', written in step %u, synced in %u", name, known->changed,
                         state->synced);
            }
        }
    }
    assert_int_equal(image_close(&after), COFFER_OK);
    assert_int_equal(after.kind->check(path), 0);
}

static void cut_run(const struct image_kind *kind, const char *options, unsigned seed)
{
    struct run_state state = { .seed = seed };
    char path[128];
    state.buffer = malloc(LARGEST);
    state.other = malloc(LARGEST);
    image_make(&state.image, kind, options, 48u << 20);
    assert_true(snprintf(path, sizeof(path), "%s/after", state.image.dir) > 0);
    struct files_options how = { .discard = seed % 2 == 0 };
    struct coffer_error error = COFFER_ERROR_INIT;
    assert_int_equal(image_open(&state.image, &how, true, &error), COFFER_OK);
    for (unsigned i = 0; i < 3; i++) {
        char dir[8];
        snprintf(dir, sizeof(dir), "d%u", i);
        assert_int_equal(make_dir(state.image.files, dir), 0);
    }
    assert_int_equal(state.image.files->ops->sync(state.image.files), 0);
    fake_volume_cut_later(state.image.volume, 1 + pick(&state, 400), path, seed);
    while (!fake_volume_was_cut(state.image.volume)) {
        one_step(&state);
    }
    assert_int_equal(image_close(&state.image), COFFER_OK);
    check(&state, path);
    image_remove(&state.image);
    free(state.buffer);
    free(state.other);
}

void cut_runs(const struct image_kind *kind, const char *options)
{
    unsigned first = number("TEST_SEED", 1);
    for (unsigned i = 0; i < number("TEST_RUNS", 25); i++) {
        cut_run(kind, options, first + i);
    }
}
