/* SPDX-License-Identifier: ISC */
/* owner.c - finding the user that `mount --owner` names. */
#include "owner.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ui.h"

/* A name goes before a number, as for chown(1). */
static const struct passwd *find_user(const char *text)
{
    const struct passwd *user = getpwnam(text);
    char *end;

    if (user || strspn(text, "0123456789") != strlen(text)) {
        return user;
    }
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    return errno == 0 && end != text && number == (uid_t)number ? getpwuid((uid_t)number) : NULL;
}

enum exit_status owner_parse(const char *text, bool allow_other, struct serve_owner *owner)
{
    *owner = (struct serve_owner){ .mapped = false, .uid = geteuid(), .gid = getegid() };
    if (!text) {
        owner->mapped = geteuid() != 0 && !allow_other;
        return EXIT_DONE;
    }
    if (strcmp(text, OWNER_KEEP) == 0) {
        return EXIT_DONE;
    }
    const struct passwd *user = find_user(text);
    if (!user) {
        return ui_fail(EXIT_USAGE, "--owner takes the name or the number of a user, or 'keep'",
                       "there is no user '%s'", text);
    }
    *owner = (struct serve_owner){ .mapped = true, .uid = user->pw_uid, .gid = user->pw_gid };
    return EXIT_DONE;
}
