/* SPDX-License-Identifier: ISC */
/* server.h - the life of one mount, in the process that serves it: open, mount, say ready, serve, close. */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>

#include "format_options.h"
#include "launch.h"
#include "mount_point.h"
#include "options.h"
#include "serve.h"
#include "status.h"

struct server_request {
    const char *volume;        /* as it was given */
    struct mount_point *point; /* its lock is given up once the mount is in the kernel's table; none for udisks */
    const struct secret_options *secret;
    const struct secret_options *hidden_secret; /* of the hidden volume that is to be kept; NULL = none */
    const struct format_options *format;
    int kdf_level;       /* -1 = those that need not be named */
    bool remember;       /* what opens it (remembered.h) */
    bool block;          /* the volume as one file, not its files */
    const char *via;     /* a word of `mount --via` */
    const char *options; /* for the mount, checked; NULL = none */
    bool read_only;
    struct serve_owner owner; /* of files that this program serves */
    bool allow_other;
};

/* A launch_fn; `user` is a struct server_request.
 *
 * SIGTERM, SIGINT, SIGHUP and SIGQUIT unmount. Before the mount is ready they end with status 130 and nothing left
 * behind. Afterwards, if files are open in it, the mount is taken out of the tree at once and the server ends,
 * with a flush, when the last of them is closed. */
launch_fn server_run;

#endif
