/* SPDX-License-Identifier: ISC */
/*
 * askpass.c - running systemd-ask-password (askpass.h). It gets no terminal, so it asks its agents: the boot screen,
 * the desktop, another login. setpriv makes it end with us: a question that nobody waits for must not stay.
 */
#include "askpass.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape.h"
#include "program.h"
#include "scope.h"
#include "ui.h"

#define ASK "systemd-ask-password"

enum exit_status askpass_begin(const char *volume, const char *prompt, struct askpass *ask)
{
    char setpriv[PROGRAM_PATH_MAX];
    char program[PROGRAM_PATH_MAX];
    SCOPE_FREE char *name = escape_text(volume); /* in the question that agents read, a newline would end a line */
    SCOPE_FREE char *text = escape_text(prompt);
    SCOPE_FREE char *id = NULL;

    if (!program_find(ASK, program) || !program_find("setpriv", setpriv)) {
        return ui_fail(EXIT_NOT_PERMITTED, "install the package systemd, or give the secret in a file",
                       ASK " is missing, which would ask for the passphrase");
    }
    if (!name || !text || asprintf(&id, "--id=coffer:%s", name) < 0) {
        id = NULL;
        return ui_fail_no_memory();
    }
    const char *const arguments[] = { setpriv, "--pdeathsig", "TERM", "--", program, "--icon=drive-harddisk",
                                      id,      "--",          text,   NULL };
    int error = program_start(arguments, &ask->fd, &ask->pid);
    return error ? ui_fail(EXIT_OTHER, NULL, "cannot run " ASK ": %s", explain_errno(error)) : EXIT_DONE;
}

enum exit_status askpass_end(struct askpass *ask)
{
    int raw = 0;

    if (ask->fd < 0) {
        return EXIT_DONE;
    }
    close(SCOPE_TAKE(ask->fd, -1));
    while (waitpid(ask->pid, &raw, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(raw) && WEXITSTATUS(raw) == 0) {
        return EXIT_DONE;
    }
    return ui_fail(EXIT_NOT_PERMITTED,
                   geteuid() == 0 ? NULL : "in many versions of systemd only root can ask in this way",
                   ASK " brought no passphrase: nobody answered, or it is not permitted");
}
