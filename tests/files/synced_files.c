/* SPDX-License-Identifier: ISC */
/*
 * synced_files write DIR LOG - makes, changes, renames and removes files below DIR until that fails, and writes
 * into LOG what fsync has confirmed. synced_files check DIR LOG - everything confirmed is there.
 *
 * A line of the log is "NAME SEED SIZE" or "NAME gone"; the last one for a name counts, unless "NAME begun" came
 * after it: then the name may be anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES   300
#define LARGEST 500000u

static uint8_t buffer[LARGEST], other[LARGEST];

static void fill_buffer(size_t size, unsigned seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        buffer[i] = (uint8_t)(state >> 56);
    }
}

static void path_of(const char *dir, unsigned i, char *path, size_t size)
{
    snprintf(path, size, "%s/d%u/file%u", dir, i % 7, i);
}

static void say(int log, unsigned i, const char *what)
{
    char line[100];
    int length = snprintf(line, sizeof(line), "%u %s\n", i, what);
    if (write(log, line, (size_t)length) != length) {
        exit(3);
    }
}

/* Writes it under another name and gives it its own when it is safe, or writes it in place. */
static int put(const char *path, size_t size, bool aside)
{
    char temporary[600];
    snprintf(temporary, sizeof(temporary), "%s%s", path, aside ? ".new" : "");
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return -1;
    }
    ssize_t done = write(fd, buffer, size);
    int result = done == (ssize_t)size && fsync(fd) == 0 ? 0 : -1;
    close(fd);
    if (result == 0 && aside) {
        result = rename(temporary, path);
    }
    return result;
}

static int sync_dir(const char *dir, unsigned i)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/d%u", dir, i % 7);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 ? fsync(fd) : -1;
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

static int write_files(const char *dir, const char *log_path)
{
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char path[512], text[64];
    for (unsigned i = 0; i < 7; i++) {
        snprintf(path, sizeof(path), "%s/d%u", dir, i);
        mkdir(path, 0755);
    }
    for (unsigned seed = (unsigned)getpid();; seed++) {
        unsigned i = (unsigned)random() % NAMES;
        size_t size = (unsigned)random() % (random() % 4 == 0 ? LARGEST : 20000);
        path_of(dir, i, path, sizeof(path));
        say(log, i, "begun");
        bool gone = random() % 5 == 0;
        fill_buffer(size, seed);
        if ((gone ? unlink(path) != 0 && errno != ENOENT : put(path, size, random() % 2 == 0) != 0) ||
            sync_dir(dir, i) != 0) {
            return errno == ENOTCONN || errno == ECONNABORTED ? 0 : 1;
        }
        snprintf(text, sizeof(text), "%u %zu", seed, size);
        say(log, i, gone ? "gone" : text);
    }
}

static bool right(const char *path, unsigned seed, size_t size, bool gone)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return gone && errno == ENOENT;
    }
    ssize_t got = read(fd, other, sizeof(other));
    close(fd);
    fill_buffer(size, seed);
    return !gone && got == (ssize_t)size && memcmp(buffer, other, size) == 0;
}

static int check_files(const char *dir, const char *log_path)
{
    static struct {
        bool known, gone;
        unsigned seed;
        size_t size;
    } names[NAMES];
    FILE *log = fopen(log_path, "r");
    char line[100], path[512];
    unsigned i, count = 0, wrong = 0;
    while (log != NULL && fgets(line, sizeof(line), log) != NULL) {
        unsigned seed = 0;
        size_t size = 0;
        if (sscanf(line, "%u", &i) != 1 || i >= NAMES) {
            return 1;
        }
        bool numbers = sscanf(line, "%u %u %zu", &i, &seed, &size) == 3;
        names[i].known = numbers || strstr(line, "gone") != NULL;
        names[i].gone = !numbers;
        names[i].seed = seed;
        names[i].size = size;
    }
    for (i = 0; i < NAMES; i++) {
        path_of(dir, i, path, sizeof(path));
        count += names[i].known;
        if (names[i].known && !right(path, names[i].seed, names[i].size, names[i].gone)) {
            printf("%s is not what fsync confirmed\n", path);
            wrong++;
        }
    }
    printf("%u names checked, %u wrong\n", count, wrong);
    return wrong > 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        return 2;
    }
    srandom((unsigned)getpid());
    return (strcmp(argv[1], "write") == 0 ? write_files : check_files)(argv[2], argv[3]);
}
