/* SPDX-License-Identifier: ISC */
/*
 * helper_scene.h - volumes and secrets for power cuts, and the question who opens what.
 *
 * Secrets are numbers 0 .. 7. They are raw keys, so that no key derivation runs, or passphrases.
 */
#ifndef HELPER_SCENE_H
#define HELPER_SCENE_H

#include "coffer.h"
#include "header.h"
#include "helper_machine.h"

#define SCENE_SIZE    0x150000u /* room for a hidden volume */
#define SCENE_TAIL    (SCENE_SIZE - HEADER_END_SIZE)
#define SCENE_GROWTH  0x60000u
#define SCENE_SECRETS 8u

/* Sets of secrets are bits. */
#define SECRET(number) (1u << (number))

void scene_use_passphrases(bool passphrases);
const struct coffer_credential *scene_secret(unsigned number);
void scene_end(void); /* frees secrets and media */

/* Stops the test with where it was. */
_Noreturn void scene_fail(const char *format, ...) COFFER_PRINTF(1, 2);

/* Stops unless the status is OK. */
void scene_must(enum coffer_status status, const struct coffer_error *error, const char *what);

/* A volume in the machine that secret 0 opens: "marked", "unmarked"; as a file. */
enum scene_kind { SCENE_MARKED, SCENE_FILLED, SCENE_UNMARKED };
void scene_create(enum scene_kind kind);
void scene_create_with(enum scene_kind kind, unsigned secret);
struct coffer_create_options scene_create_options(enum scene_kind kind);
struct coffer_open_options scene_options(bool read_only);

struct coffer_header *scene_open(unsigned secret);
unsigned scene_add(struct coffer_header *header, unsigned secret);

/* A hidden volume that `secret` opens, in what secret 0 opens. */
void scene_hide(unsigned secret);
enum coffer_status scene_try_to_hide(unsigned secret, struct coffer_volume **volume, struct coffer_error *error);

/* Noise over part of the medium. */
void scene_damage(uint64_t offset, size_t size);

/* What one look at a medium says: which secrets open, which volume that is, and what is said to the others. */
struct view {
    unsigned opens;   /* secrets */
    unsigned hidden;  /* of these, secrets of the hidden volume */
    unsigned damaged; /* secrets that are told of damage */
    struct identity {
        uint8_t key[8];     /* the start of the volume's key, where it opens */
        uint64_t data_size; /* its size */
    } identity[SCENE_SECRETS];
    unsigned seq; /* of the last that opened; for messages */
};

/* Looks at `disk` with each of these secrets; never writes. Any status but OK, WRONG_SECRET, DAMAGED and
 * UNSUPPORTED (not complete yet) stops the test. */
void scene_look(const struct disk *disk, unsigned secrets, struct view *view);

#endif
