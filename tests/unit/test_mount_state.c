/* SPDX-License-Identifier: ISC */
/* test_mount_state.c - state files between processes: alive, dead, cleaned by one, told from what is not ours. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "deadline.h"
#include "mount_state.h"

#define LONG_MS 60000 /* in a test that fails */

static char base[] = "/tmp/coffer-test-XXXXXX";
static char volume[] = "/v";
static char mount_point[] = "/m";
static char way[] = "block";
static char format[] = "coffer";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(base) && setenv("XDG_RUNTIME_DIR", base, 1) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "%s/coffer", base);
    return rmdir(path) == 0 && rmdir(base) == 0 ? 0 : -1;
}

static bool create(struct mount_state *state)
{
    struct runtime_dir directory = RUNTIME_DIR_NONE;
    const struct mount_record record = { .volume = volume,
                                         .mount_point = mount_point,
                                         .way = way,
                                         .format = format,
                                         .server_pid = getpid(),
                                         .started = 1 };

    bool is_made = runtime_dir_open(&directory) == EXIT_DONE &&
                   mount_state_create(&directory, &record, state) == EXIT_DONE &&
                   mount_state_append(state, mount_record_say_serving(53));
    runtime_dir_close(&directory);
    return is_made;
}

/* A server that makes its state and then does what it is told: a byte each time. */
struct server {
    pid_t pid;
    int orders;
    int answers;
};

static void serve(int orders, int answers)
{
    struct mount_state state = MOUNT_STATE_NONE;
    char order = '+';

    if (!create(&state)) {
        _exit(1);
    }
    while (write(answers, &order, 1) == 1 && read(orders, &order, 1) == 1) {
        if (order == 'c') {
            mount_state_append(&state, mount_record_say_closing());
        }
        if (order == 'e' || order == 'f') {
            mount_state_append(&state, mount_record_say_ended(order == 'f' ? "lost" : NULL));
        }
        if (order == 'r') {
            mount_state_remove(&state);
        }
    }
    _exit(0);
}

static struct server start(void)
{
    int orders[2], answers[2];
    char byte;

    assert_true(pipe(orders) == 0 && pipe(answers) == 0);
    struct server server = { fork(), orders[1], answers[0] };
    if (server.pid == 0) {
        close(orders[1]);
        close(answers[0]);
        serve(orders[0], answers[1]);
    }
    close(orders[0]);
    close(answers[1]);
    assert_int_equal(read(server.answers, &byte, 1), 1);
    return server;
}

static void tell(const struct server *server, char order)
{
    char byte;

    assert_int_equal(write(server->orders, &order, 1), 1);
    assert_int_equal(read(server->answers, &byte, 1), 1);
}

static void end(const struct server *server, int signal)
{
    kill(server->pid, signal);
    waitpid(server->pid, NULL, 0);
    close(server->orders);
    close(server->answers);
}

/* Ours in the directory of this test; as root there may be those of other users. */
static struct mount_state *find(struct mount_states *states)
{
    struct mount_state *found = NULL;

    assert_int_equal(mount_states_load(states), EXIT_DONE);
    for (size_t i = 0; i < states->count; i++) {
        if (strcmp(states->items[i].record.volume, volume) == 0) {
            assert_null(found);
            found = &states->items[i];
        }
    }
    return found;
}

static void a_live_server_is_seen_and_awaited(void **unused)
{
    (void)unused;
    struct server server = start();
    struct mount_states states;
    struct mount_state *state = find(&states);

    assert_non_null(state);
    assert_true(state->is_alive);
    assert_int_equal(state->record.phase, MOUNT_SERVING);
    assert_int_equal(state->record.device, 53);
    assert_int_equal(state->record.server_pid, server.pid);
    assert_false(mount_state_claim(state));
    assert_false(mount_state_wait(state, deadline_in(0)));
    tell(&server, 'c');
    mount_state_refresh(state);
    assert_int_equal(state->record.phase, MOUNT_CLOSING);
    tell(&server, 'e');
    tell(&server, 'r');
    assert_false(mount_state_wait(state, deadline_in(0)));

    /* It has said that all is well, and its file is gone: for the others it is not there any more. */
    struct mount_states later;
    assert_null(find(&later));
    mount_states_free(&later);

    kill(server.pid, SIGKILL);
    assert_true(mount_state_wait(state, deadline_in(LONG_MS)));
    assert_false(state->is_alive);
    assert_int_equal(state->record.phase, MOUNT_ENDED);
    assert_null(state->record.failure);
    assert_false(mount_state_claim(state)); /* there is nothing to clean */
    end(&server, SIGKILL);
    mount_states_free(&states);
}

static void a_dead_one_is_cleaned_by_one(void **unused)
{
    (void)unused;
    struct server server = start();
    end(&server, SIGKILL);

    struct mount_states one, two;
    struct mount_state *mine = find(&one);
    struct mount_state *theirs = find(&two);
    assert_false(mine->is_alive);
    assert_true(mount_state_claim(mine));
    assert_false(mount_state_claim(theirs));
    mount_state_remove(mine);
    mount_states_free(&one);
    assert_false(mount_state_claim(theirs)); /* it is done */
    mount_states_free(&two);
    assert_null(find(&one));
    mount_states_free(&one);
}

static void a_failure_stays_until_it_is_told(void **unused)
{
    (void)unused;
    struct server server = start();
    struct mount_states states;

    tell(&server, 'f');
    end(&server, SIGTERM);
    struct mount_state *state = find(&states);
    assert_non_null(state);
    assert_false(state->is_alive);
    assert_int_equal(state->record.phase, MOUNT_ENDED);
    assert_string_equal(state->record.failure, "lost");
    assert_true(mount_state_claim(state));
    mount_state_remove(state);
    mount_states_free(&states);
}

static void an_unfinished_file_is_left_for_a_minute(void **unused)
{
    (void)unused;
    struct mount_states states;
    char path[128];

    snprintf(path, sizeof(path), "%s/coffer/0123456789abcdef.new", base);
    close(open(path, O_RDWR | O_CREAT, 0600));
    assert_null(find(&states));
    mount_states_free(&states);
    assert_int_equal(access(path, F_OK), 0);
    const struct timespec long_ago[2] = { { 1000, 0 }, { 1000, 0 } };
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    assert_null(find(&states));
    mount_states_free(&states);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_server_is_seen_and_awaited),
        cmocka_unit_test(a_dead_one_is_cleaned_by_one),
        cmocka_unit_test(a_failure_stays_until_it_is_told),
        cmocka_unit_test(an_unfinished_file_is_left_for_a_minute),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
