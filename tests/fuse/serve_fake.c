/* SPDX-License-Identifier: ISC */
/*
 * serve_fake [OPTION...] BACKING SIZE DIR: mounts a fake volume over the file BACKING, prints "ready" and serves
 * until it is unmounted or SIGTERM comes. For tests and measurements that need the FUSE layer alone, in a
 * process of its own. Exit status: 0, or the enum coffer_status of what failed, said on stderr.
 */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake_volume.h"
#include "serve.h"

static int say(const struct coffer_error *error)
{
    fprintf(stderr, "status %d, errno %d: %s\n", (int)error->status, error->sys, error->text);
    return (int)error->status;
}

static void *stop_on_signal(void *session)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    for (;;) {
        int number;
        sigwait(&set, &number);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL); /* serve_stop would leave things behind */
        struct coffer_error error = COFFER_ERROR_INIT;
        if (serve_stop(session, number == SIGINT, &error) != COFFER_OK) {
            say(&error);
        }
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    }
    return NULL;
}

static int serve(struct coffer_volume *volume, const struct serve_options *options)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct serve_session *session;
    if (serve_block(volume, options, &session, &error) != COFFER_OK) {
        return say(&error);
    }
    puts("ready");
    fflush(stdout);
    pthread_t thread;
    pthread_create(&thread, NULL, stop_on_signal, session);
    const enum coffer_status status = serve_wait(session, &error);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    serve_free(session);
    return status == COFFER_OK ? 0 : say(&error);
}

int main(int argc, char **argv)
{
    struct serve_options options = { .source = NULL };
    bool thick = false;
    const char *source = NULL;
    for (int option; (option = getopt(argc, argv, "aks:t:rw")) != -1;) {
        switch (option) {
        case 'a':
            options.allow_other = true;
            break;
        case 'k':
            thick = true;
            break;
        case 's':
            source = optarg;
            break;
        case 't':
            options.threads = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            options.read_only = true;
            break;
        case 'w':
            options.writeback = true;
            break;
        default:
            return 2;
        }
    }
    if (argc - optind != 3) {
        return 2;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    const int fd = open(argv[optind], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(argv[optind]);
        return 1;
    }
    struct coffer_volume *volume = fake_volume_new(fd, strtoull(argv[optind + 1], NULL, 10), !thick);
    options.source = source ? source : argv[optind];
    options.mount_point = argv[optind + 2];
    const int status = serve(volume, &options);
    fake_volume_free(volume);
    return status;
}
