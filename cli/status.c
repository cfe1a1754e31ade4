/* SPDX-License-Identifier: ISC */
/*
 * status.c - what the program exits with. Scripts rely on it: a number, once given away, keeps its meaning, and a
 * missing key file must never look like a missing volume.
 */
#include "status.h"

enum exit_status status_exit(enum operation operation, enum coffer_status status)
{
    bool about_volume = operation != OPERATION_KEY_FILE && operation != OPERATION_SECRET;

    switch (status) {
    case COFFER_OK:
        return EXIT_DONE;
    case COFFER_FAILED:
        return EXIT_OTHER;
    case COFFER_INVALID:
        return EXIT_USAGE;
    case COFFER_NOT_FOUND:
        return about_volume ? EXIT_NOT_FOUND : EXIT_OTHER;
    case COFFER_IN_USE:
        return EXIT_IN_USE;
    case COFFER_WRONG_SECRET:
        return EXIT_WRONG_SECRET;
    case COFFER_DAMAGED:
        return EXIT_DAMAGED;
    case COFFER_UNSUPPORTED:
        return EXIT_UNSUPPORTED;
    case COFFER_NO_MEMORY:
        return EXIT_NO_MEMORY;
    case COFFER_NOT_PERMITTED:
        return EXIT_NOT_PERMITTED;
    case COFFER_INTERRUPTED:
        return EXIT_INTERRUPTED;
    }
    return EXIT_OTHER; /* a status of a newer library */
}
