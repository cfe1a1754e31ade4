/* SPDX-License-Identifier: ISC */
/* test_mount_point.c - which directories are too dangerous to be mounted over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mount_point.h"

#define SEARCH "/usr/local/bin:/usr/bin:/opt/tools/bin:bin:.::/no/such/place"
#define HOME   "/home/me"

static void refuses_what_belongs_to_the_system(void **state)
{
    static const char *const paths[] = {
        "/",    "/bin",   "/boot",       "/boot/efi", "/dev",    "/dev/shm",     "/etc", "/etc/skel", "/home",
        "/lib", "/lib64", "/opt",        "/proc",     "/proc/1", "/root",        "/run", "/run/user", "/sbin",
        "/srv", "/sys",   "/sys/kernel", "/tmp",      "/usr",    "/usr/share/x", "/var", "/var/lib",  "/var/tmp",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (!mount_point_danger(paths[i], NULL, NULL)) {
            fail_msg("%s is taken for harmless", paths[i]);
        }
    }
}

static void refuses_where_programs_are_run_from(void **state)
{
    (void)state;
    assert_non_null(mount_point_danger("/opt/tools/bin", SEARCH, HOME));
    assert_non_null(mount_point_danger("/opt/tools", SEARCH, HOME));
    assert_non_null(mount_point_danger("/no/such/place", SEARCH, HOME));
    assert_non_null(mount_point_danger("/no/such", SEARCH, HOME));
    assert_null(mount_point_danger("/opt/tools/binary", SEARCH, HOME));
    assert_null(mount_point_danger("/opt/tools/bin/below", SEARCH, HOME));
    assert_null(mount_point_danger("/opt/tools/bin", "", HOME));
    assert_null(mount_point_danger("/opt/tools/bin", NULL, NULL));
}

static void refuses_the_home_directory(void **state)
{
    (void)state;
    assert_non_null(mount_point_danger("/home/me", SEARCH, HOME));
    assert_non_null(mount_point_danger("/house", NULL, "/house/of/me"));
    assert_null(mount_point_danger("/home/me/Secret", SEARCH, HOME));
    assert_null(mount_point_danger("/home/you", SEARCH, HOME));
    /* A home of "/" or none, as daemons have it, makes nothing dangerous that is not. */
    assert_null(mount_point_danger("/mnt/x", SEARCH, "/"));
    assert_null(mount_point_danger("/mnt/x", SEARCH, ""));
}

static void takes_the_usual_places(void **state)
{
    static const char *const paths[] = { "/home/me/Secret", "/mnt",       "/mnt/x",
                                         "/media/me/stick", "/tmp/x",     "/run/user/1000/x",
                                         "/srv/data",       "/var/lib/x", "/data",
                                         "/binary" };

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (mount_point_danger(paths[i], SEARCH, HOME)) {
            fail_msg("%s is refused: %s", paths[i], mount_point_danger(paths[i], SEARCH, HOME));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_belongs_to_the_system),
        cmocka_unit_test(refuses_where_programs_are_run_from),
        cmocka_unit_test(refuses_the_home_directory),
        cmocka_unit_test(takes_the_usual_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
