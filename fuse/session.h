/* SPDX-License-Identifier: ISC */
/*
 * session.h - what a kind of mount (one block file, a tree of files) gives to serve.c, which does the rest.
 */
#ifndef SESSION_H
#define SESSION_H

#include "coffer.h"
#include "serve.h"
#include "wire.h"

struct session_kind {
    struct fuse_lowlevel_ops ops; /* all but init */
    unsigned want;                /* FUSE_CAP_ bits beyond those that every kind wants */
    bool takes_privileges;        /* what wire_offers_privileges asks for is done */
    /* The first failure that no request could report, or COFFER_OK. Called when all requests are over. */
    enum coffer_status (*failure)(void *state, struct coffer_error *error);
    void (*free)(void *state);
};

/* Mounts and serves. Takes `state` over, whatever it returns. Errors as for serve_block. */
enum coffer_status session_start(const struct session_kind *kind, void *state, const struct serve_options *options,
                                 struct serve_session **session, struct coffer_error *error);

/* The state given to session_start, for the operations. */
void *session_state(fuse_req_t request);

#endif
