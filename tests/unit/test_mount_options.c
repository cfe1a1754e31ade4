/* SPDX-License-Identifier: ISC */
/* test_mount_options.c - the words that `mount --options` takes, for each file system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mount_options.h"

static void passes(const char *list, const char *type)
{
    char word[32] = "";

    if (!mount_options_check(list, type, sizeof(word), word)) {
        fail_msg("'%s' is refused for %s, for '%s'", list, type ? type : "any", word);
    }
}

static void is_refused_for(const char *expected, const char *list, const char *type)
{
    char word[32] = "";

    assert_false(mount_options_check(list, type, sizeof(word), word));
    assert_string_equal(word, expected);
}

static void knows_each_file_system(void **state)
{
    (void)state;
    passes(NULL, "ext4");
    passes("noexec", MOUNT_OPTIONS_FUSE);
    passes("noexec,noatime,nosuid,nodev,exec", MOUNT_OPTIONS_FUSE);
    passes("noatime,commit=60,data=ordered,noload", "ext4");
    passes("suid,dev", "xfs");
    passes("compress=zstd:3,subvol=home", "btrfs");
    passes("uid=1000,gid=1000,umask=077", "vfat");
    passes("uid=1000", "exfat");
    passes("windows_names", "ntfs");
    passes("noatime", "f2fs"); /* one without words of its own here */
}

static void any_is_all_of_them(void **state)
{
    (void)state;
    passes("discard", MOUNT_OPTIONS_DEVICE);
    is_refused_for("noexec", "discard,noexec", MOUNT_OPTIONS_DEVICE);
    passes("compress=zstd,uid=5,noload,noexec", MOUNT_OPTIONS_ANY);
    is_refused_for("compres=zstd", "noexec,compres=zstd", MOUNT_OPTIONS_ANY);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    is_refused_for("compress=zstd", "noatime,compress=zstd", "ext4");
    is_refused_for("commit", "commit", "ext4");
    is_refused_for("commit=", "commit=", "ext4");
    is_refused_for("noatime=1", "noatime=1", "ext4");
    is_refused_for("relatime", "relatime", MOUNT_OPTIONS_FUSE);
    is_refused_for("suid", "suid", MOUNT_OPTIONS_FUSE);
    is_refused_for("uid=5", "uid=5", "f2fs");
    is_refused_for("", "", "ext4");
    is_refused_for("", "noexec,", "ext4");
    is_refused_for("", ",noexec", "ext4");
    is_refused_for("", "noexec,,nodev", "ext4");
    is_refused_for("noexec nodev", "noexec nodev", "ext4");
    is_refused_for("noex", "noex", "ext4");
    is_refused_for("noexecx", "noexecx", "ext4");
}

/* Orders to mount(8), and what the volume itself has to know. */
static void refuses_orders_to_mount(void **state)
{
    static const char *const orders[] = {
        "ro",           "rw",          "loop",      "loop=/dev/loop0",
        "offset=0",     "sizelimit=0", "bind",      "remount",
        "move",         "helper=x",    "uhelper=x", "X-mount.mkdir",
        "x-gvfs",       "user",        "users",     "owner",
        "defaults",     "_netdev",     "context=x", "verity.hashdevice=x",
        "encryption=x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        is_refused_for(orders[i], orders[i], MOUNT_OPTIONS_ANY);
    }
}

static void the_last_word_counts(void **state)
{
    (void)state;
    assert_true(mount_options_have("noatime,noexec", "noexec", "exec"));
    assert_true(mount_options_have("exec,noexec", "noexec", "exec"));
    assert_false(mount_options_have("noexec,exec", "noexec", "exec"));
    assert_false(mount_options_have("noatime", "noexec", "exec"));
    assert_false(mount_options_have(NULL, "noexec", "exec"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_each_file_system),        cmocka_unit_test(any_is_all_of_them),
        cmocka_unit_test(refuses_what_it_does_not_know), cmocka_unit_test(refuses_orders_to_mount),
        cmocka_unit_test(the_last_word_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
