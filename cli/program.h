/* SPDX-License-Identifier: ISC */
/*
 * program.h - running another program: by absolute path, with an environment of ours, no descriptors, default
 * signals and its output caught. Nothing of the caller's PATH, locale or LD_* reaches it.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROGRAM_PATH_MAX   64
#define PROGRAM_OUTPUT_MAX 4096

struct program_result {
    int error;  /* errno where the program could not be run at all, else 0 */
    int status; /* its exit status; 128 + the signal that ended it */
    /* The end of what it wrote to stdout and stderr, as a string; NUL bytes are spaces. */
    char output[PROGRAM_OUTPUT_MAX];
};

/* Looks for an executable of this name in /usr/sbin, /usr/bin, /sbin and /bin, never in PATH. */
bool program_find(const char *program, char path[static PROGRAM_PATH_MAX]);

/* Asked again and again while a program runs; true ends it with SIGTERM. */
typedef bool program_stop_fn(void);

/* Runs arguments[0], an absolute path, and waits for its end. `stop` may be NULL. True when it ran and exited
 * with 0. */
bool program_run(const char *const *arguments, program_stop_fn *stop, struct program_result *result);

/* The same with this open directory as its current one. */
bool program_run_in(int directory, const char *const *arguments, struct program_result *result);

/* Starts it and returns at once: 0, or an errno. What it writes to stdout can be read from *output; the rest is
 * dropped. The caller closes that and waits for *pid. */
int program_start(const char *const *arguments, int *output, pid_t *pid);

/* The last line of the output that is not empty, without surrounding blanks; cuts the output there. */
char *program_last_line(struct program_result *result);

#endif
