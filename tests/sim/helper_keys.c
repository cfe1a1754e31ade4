/* SPDX-License-Identifier: ISC */
/*
 * Each function does one thing to a volume through the public interface.
 */
#include "helper_keys.h"

static void prepare(enum scene_kind kind)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    scene_create(kind);
    struct coffer_header *header = scene_open(0);
    (void)scene_add(header, 1);
    unsigned slot = scene_add(header, 3);
    scene_must(coffer_header_remove_key(header, slot, false, &error), &error, "remove a key");
    coffer_header_close(header);
}

void keys_prepare_marked(void)
{
    prepare(SCENE_MARKED);
}

void keys_prepare_unmarked(void)
{
    prepare(SCENE_UNMARKED);
}

void keys_prepare_many(void)
{
    static const unsigned SECRETS[] = { 1, 3, 4, 5, 7 };
    scene_create(SCENE_MARKED);
    struct coffer_header *header = scene_open(0);
    for (unsigned i = 0; i < sizeof(SECRETS) / sizeof(SECRETS[0]); i++) {
        (void)scene_add(header, SECRETS[i]);
    }
    coffer_header_close(header);
}

void keys_add_unknown(struct coffer_header *header)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_credential *recovery = coffer_credential_new();
    struct coffer_secret *text = coffer_secret_new(COFFER_RECOVERY_TEXT_SIZE);
    unsigned slot;
    scene_must(coffer_credential_make_recovery(recovery, text, &error), &error, "make a recovery key");
    scene_must(coffer_header_add_key(header, recovery, NULL, &slot, &error), &error, "add a key");
    coffer_credential_free(recovery);
    coffer_secret_free(text);
}

void keys_prepare_full(void)
{
    scene_create(SCENE_MARKED);
    struct coffer_header *header = scene_open(0);
    for (unsigned i = 1; i < COFFER_SLOTS - 2; i++) {
        keys_add_unknown(header);
    }
    (void)scene_add(header, 1);
    (void)scene_add(header, 4);
    coffer_header_close(header);
}

enum coffer_status keys_add(struct coffer_header *header, struct coffer_error *error)
{
    unsigned slot;
    return coffer_header_add_key(header, scene_secret(2), "the new one", &slot, error);
}

enum coffer_status keys_change(struct coffer_header *header, struct coffer_error *error)
{
    unsigned slot;
    return coffer_header_change_key(header, scene_secret(2), &slot, error);
}

enum coffer_status keys_remove_slot_0(struct coffer_header *header, struct coffer_error *error)
{
    return coffer_header_remove_key(header, 0, false, error);
}

enum coffer_status keys_remove_slot_4(struct coffer_header *header, struct coffer_error *error)
{
    return coffer_header_remove_key(header, 4, false, error);
}
