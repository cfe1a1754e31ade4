/* SPDX-License-Identifier: ISC */
/*
 * secrets.c - where secrets come from. Bytes go from the descriptor straight into locked memory, one at a time, so
 * that nothing behind the first line is taken from a pipe and no buffer keeps a copy.
 */
#include "secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "askpass.h"
#include "scope.h"
#include "terminal.h"
#include "ui.h"

static void free_secret(struct coffer_secret **secret)
{
    coffer_secret_free(*secret);
}

static void free_credential(struct coffer_credential **credential)
{
    coffer_credential_free(*credential);
}

#define AUTO_SECRET     __attribute__((cleanup(free_secret))) struct coffer_secret *
#define AUTO_CREDENTIAL __attribute__((cleanup(free_credential))) struct coffer_credential *

/* What is said about a secret in each role. */
struct manner {
    const char *prompt;
    bool is_new;         /* asked for twice */
    const char *options; /* the hint where nobody can be asked */
};

static const struct manner manners[] = {
    [SECRET_PRESENT] = { .prompt = "Passphrase for",
                         .options = "give the secret with --passphrase-file, --passphrase-fd or --key-file" },
    [SECRET_FIRST] = { .prompt = "New passphrase for",
                       .is_new = true,
                       .options = "give the secret with --passphrase-file, --passphrase-fd or --key-file" },
    [SECRET_ADDED] = { .prompt = "New passphrase for",
                       .is_new = true,
                       .options = "give the new secret with --new-passphrase-file, --new-passphrase-fd or "
                                  "--new-key-file" },
    [SECRET_NEW_COPY] = { .prompt = "New passphrase for",
                          .is_new = true,
                          .options =
                              "give the new volume's secret with --new-passphrase-file, --new-passphrase-fd or "
                              "--new-key-file" },
    [SECRET_COPY] = { .prompt = "Passphrase for",
                      .options = "give the new volume's secret with --new-passphrase-file, --new-passphrase-fd or "
                                 "--new-key-file" },
    [SECRET_NEW_HIDDEN] = { .prompt = "New passphrase of the hidden volume in",
                            .is_new = true,
                            .options = "give the hidden volume's secret with --new-passphrase-file, "
                                       "--new-passphrase-fd or --new-key-file" },
    [SECRET_HIDDEN] = { .prompt = "Passphrase of the hidden volume in",
                        .options = "give the hidden volume's secret with --new-passphrase-file, "
                                   "--new-passphrase-fd or --new-key-file" },
    [SECRET_OUTER] = { .prompt = "Passphrase of the outer volume in",
                       .options = "give the outer volume's secret with --passphrase-file, --passphrase-fd or "
                                  "--key-file" },
};

static bool has_passphrase_option(const struct secret_options *given)
{
    return given->passphrase_file || given->passphrase_fd != 0;
}

bool secrets_given(const struct secret_options *given)
{
    return has_passphrase_option(given) || given->key_files.count > 0 || given->raw_key_file;
}

static bool is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* A key file is read to its end: nothing else can come from there. */
static bool shares_standard_input(const struct secret_options *given)
{
    size_t key_files = 0;

    for (size_t i = 0; i < given->key_files.count; i++) {
        key_files += is_standard_input(given->key_files.items[i]);
    }
    return key_files > 1 || (key_files > 0 && given->passphrase_file && is_standard_input(given->passphrase_file));
}

enum exit_status secrets_check(const struct secret_options *given, enum secret_role role)
{
    if (shares_standard_input(given)) {
        return ui_fail(EXIT_USAGE, NULL,
                       "a key file on standard input takes all of it, so nothing else comes from there");
    }
    if (given->passphrase_file && given->passphrase_fd != 0) {
        return ui_fail(EXIT_USAGE, NULL, "the passphrase comes from one place: a file or a descriptor, not both");
    }
    if (given->askpass && (has_passphrase_option(given) || given->raw_key_file)) {
        return ui_fail(EXIT_USAGE, NULL, "the secret comes from one place: what is given, or --askpass");
    }
    if (given->raw_key_file && (has_passphrase_option(given) || given->key_files.count > 0)) {
        return ui_fail(EXIT_USAGE, NULL, "a raw key takes the place of passphrase and key files");
    }
    if (!secrets_given(given) && !given->askpass && !terminal_is_there()) {
        return ui_fail(EXIT_USAGE, manners[role].options, "there is no terminal to ask for the passphrase on");
    }
    return EXIT_DONE;
}

/* An open descriptor and what messages call it. */
struct source {
    int fd;
    bool is_ours; /* to close */
    char name[PATH_MAX + 16];
};

static void close_source(struct source *source)
{
    if (source->is_ours) {
        close(source->fd);
    }
}

#define AUTO_SOURCE __attribute__((cleanup(close_source))) struct source

static enum exit_status fail_to_read(const char *what, const struct source *source)
{
    enum exit_status status = errno == EACCES || errno == EPERM ? EXIT_NOT_PERMITTED : EXIT_OTHER;

    return ui_fail(status, NULL, "cannot read the %s from %s: %s", what, source->name, explain_errno(errno));
}

static enum exit_status open_file(const char *path, const char *what, struct source *source)
{
    snprintf(source->name, sizeof(source->name), "'%s'", path);
    source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    source->is_ours = source->fd >= 0;
    return source->is_ours ? EXIT_DONE : fail_to_read(what, source);
}

static enum exit_status open_passphrase(const struct secret_options *given, struct source *source)
{
    if (given->passphrase_file && !is_standard_input(given->passphrase_file)) {
        return open_file(given->passphrase_file, "passphrase", source);
    }
    if (given->passphrase_file) {
        source->fd = STDIN_FILENO;
        snprintf(source->name, sizeof(source->name), "standard input");
        return EXIT_DONE;
    }
    source->fd = (int)given->passphrase_fd;
    snprintf(source->name, sizeof(source->name), "descriptor %d", source->fd);
    /* it stays open for its owner's next line, but no child has any business with it */
    return fcntl(source->fd, F_SETFD, FD_CLOEXEC) == 0 ? EXIT_DONE : fail_to_read("passphrase", source);
}

/* One byte, 0 at the end of input, -1 with errno. */
static ssize_t read_byte(int fd, uint8_t *byte)
{
    ssize_t got;

    do {
        got = read(fd, byte, 1);
    } while (got < 0 && errno == EINTR);
    return got;
}

static enum exit_status read_first_line(const struct source *source, struct coffer_secret *line)
{
    uint8_t *data = coffer_secret_data(line);
    size_t capacity = coffer_secret_capacity(line);
    size_t size = 0;
    ssize_t got;

    while ((got = read_byte(source->fd, data + size)) > 0 && data[size] != '\n') {
        if (data[size] == '\0') {
            return ui_fail(EXIT_USAGE, "a file of random bytes can be a --key-file",
                           "the passphrase in %s contains a NUL byte", source->name);
        }
        size++;
        if (size == capacity) {
            return ui_fail(EXIT_USAGE, "a long secret can be a --key-file",
                           "the passphrase in %s is longer than %d bytes", source->name, COFFER_PASSPHRASE_MAX);
        }
    }
    if (got < 0) {
        return fail_to_read("passphrase", source);
    }
    if (got > 0 && size > 0 && data[size - 1] == '\r') {
        ui_hint("the first line of %s ends in CR LF, and the CR counts as part of the passphrase", source->name);
    }
    coffer_secret_set_size(line, size);
    return EXIT_DONE;
}

/* One that is being set gets a second opinion, where it is all that protects. */
static enum exit_status set_passphrase(struct coffer_secret *passphrase, const struct manner *manner,
                                       bool has_factors, struct coffer_credential *credential)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    if (coffer_credential_set_passphrase(credential, passphrase, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_SECRET, NULL, &error);
    }
    if (manner->is_new && !has_factors &&
        advice_is_weak(coffer_secret_data(passphrase), coffer_secret_size(passphrase))) {
        ui_warn(
            "the passphrase looks easy to guess; six words or more that dice or a program chose make a good one");
    }
    return EXIT_DONE;
}

static enum exit_status add_passphrase_option(const struct secret_options *given, const struct manner *manner,
                                              struct coffer_credential *credential)
{
    AUTO_SECRET line = coffer_secret_new(COFFER_PASSPHRASE_MAX + 1); /* the newline has to fit as well */
    AUTO_SOURCE source = { .fd = -1 };

    if (!line) {
        return ui_fail_no_memory();
    }
    enum exit_status status = open_passphrase(given, &source);
    status = status ? status : read_first_line(&source, line);
    if (status == EXIT_DONE && coffer_secret_size(line) == 0) {
        status = ui_fail(EXIT_USAGE, NULL, "the passphrase in %s is empty", source.name);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    return set_passphrase(line, manner, given->key_files.count > 0, credential);
}

/* Exactly the size of a raw key, not a byte more. */
static enum exit_status read_raw_key(const struct source *source, struct coffer_secret *key)
{
    uint8_t *data = coffer_secret_data(key);
    size_t size = 0;
    ssize_t got = 1;

    while (size < COFFER_RAW_KEY_SIZE + 1 && (got = read_byte(source->fd, data + size)) > 0) {
        size++;
    }
    if (got < 0) {
        return fail_to_read("raw key", source);
    }
    if (size != COFFER_RAW_KEY_SIZE) {
        return ui_fail(EXIT_USAGE, NULL, "the raw key in %s has %s than %d bytes", source->name,
                       size < COFFER_RAW_KEY_SIZE ? "less" : "more", COFFER_RAW_KEY_SIZE);
    }
    coffer_secret_set_size(key, size);
    return EXIT_DONE;
}

static enum exit_status add_raw_key(const char *path, struct coffer_credential *credential)
{
    AUTO_SECRET key = coffer_secret_new(COFFER_RAW_KEY_SIZE + 1);
    AUTO_SOURCE source = { .fd = -1 };
    struct coffer_error error = COFFER_ERROR_INIT;

    if (!key) {
        return ui_fail_no_memory();
    }
    enum exit_status status = open_file(path, "raw key", &source);
    if (status == EXIT_DONE) {
        status = read_raw_key(&source, key);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    return coffer_credential_set_raw_key(credential, key, &error) == COFFER_OK
               ? EXIT_DONE
               : ui_fail_library(OPERATION_SECRET, path, &error);
}

static enum exit_status add_key_files(const struct secret_options *given, struct coffer_credential *credential)
{
    const struct option_list *files = &given->key_files;

    coffer_credential_set_key_file_part(credential, given->key_file_offset, given->key_file_size);
    for (size_t i = 0; i < files->count; i++) {
        struct coffer_error error = COFFER_ERROR_INIT;
        const char *path = files->items[i];
        enum coffer_status status = is_standard_input(path)
                                        ? coffer_credential_add_key_fd(credential, STDIN_FILENO, &error)
                                        : coffer_credential_add_key_file(credential, path, &error);
        if (status != COFFER_OK) {
            return ui_fail_library(OPERATION_KEY_FILE, path, &error);
        }
    }
    return EXIT_DONE;
}

static bool is_same(struct coffer_secret *a, struct coffer_secret *b)
{
    size_t size = coffer_secret_size(a);

    return size == coffer_secret_size(b) && memcmp(coffer_secret_data(a), coffer_secret_data(b), size) == 0;
}

/* An answer of nothing at all, which is enough where there are key files. */
static enum exit_status take_no_passphrase(bool has_factors)
{
    return has_factors ? EXIT_DONE : ui_fail(EXIT_USAGE, NULL, "an empty passphrase cannot protect anything");
}

static void make_prompt(const char *volume, const struct manner *manner, bool has_factors, size_t size,
                        char *prompt)
{
    snprintf(prompt, size, "%s '%s'%s", manner->prompt, volume, has_factors ? " (empty for none)" : "");
}

/* Asks the agents of the system; for a secret that is there. */
static enum exit_status add_answer(const char *volume, const struct manner *manner, bool has_factors,
                                   struct coffer_credential *credential)
{
    AUTO_SECRET answer = coffer_secret_new(COFFER_PASSPHRASE_MAX + 1);
    struct source source = { .name = "the answer" };
    struct askpass ask = ASKPASS_NONE;
    char prompt[PATH_MAX + 64];

    if (!answer) {
        return ui_fail_no_memory();
    }
    make_prompt(volume, manner, has_factors, sizeof(prompt), prompt);
    enum exit_status status = askpass_begin(volume, prompt, &ask);
    source.fd = ask.fd;
    status = status ? status : read_first_line(&source, answer);
    enum exit_status ended = askpass_end(&ask);
    status = status ? status : ended;
    if (status != EXIT_DONE) {
        return status;
    }
    return coffer_secret_size(answer) == 0 ? take_no_passphrase(has_factors)
                                           : set_passphrase(answer, manner, has_factors, credential);
}

/* Asks once or twice. */
static enum exit_status add_typed_passphrase(const char *volume, const struct manner *manner, bool has_factors,
                                             struct coffer_credential *credential)
{
    AUTO_SECRET answer = NULL;
    AUTO_SECRET repeated = NULL;
    char prompt[PATH_MAX + 64];

    make_prompt(volume, manner, has_factors, sizeof(prompt), prompt);
    enum exit_status status = terminal_ask_secret(prompt, &answer);
    if (status == EXIT_DONE && manner->is_new) {
        status = terminal_ask_secret("The same again", &repeated);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    if (manner->is_new && !is_same(answer, repeated)) {
        return ui_fail(EXIT_USAGE, NULL, "the two passphrases differ");
    }
    if (coffer_secret_size(answer) == 0) {
        return take_no_passphrase(has_factors);
    }
    return set_passphrase(answer, manner, has_factors, credential);
}

static enum exit_status fill(const struct secret_options *given, const char *volume, const struct manner *manner,
                             struct coffer_credential *credential)
{
    bool has_factors = given->key_files.count > 0;

    if (given->raw_key_file) {
        return add_raw_key(given->raw_key_file, credential);
    }
    enum exit_status status = add_key_files(given, credential);
    if (status != EXIT_DONE) {
        return status;
    }
    if (given->askpass) {
        return add_answer(volume, manner, has_factors, credential);
    }
    if (has_passphrase_option(given)) {
        return add_passphrase_option(given, manner, credential);
    }
    if (has_factors && (given->key_file_is_all || !terminal_is_there())) {
        return EXIT_DONE;
    }
    return add_typed_passphrase(volume, manner, has_factors, credential);
}

enum exit_status secrets_read(const struct secret_options *given, enum secret_role role, const char *volume,
                              struct coffer_credential **credential)
{
    enum exit_status status = secrets_check(given, role);

    if (status != EXIT_DONE) {
        return status;
    }
    AUTO_CREDENTIAL made = coffer_credential_new();
    if (!made) {
        return ui_fail_no_memory();
    }
    status = fill(given, volume, &manners[role], made);
    if (status != EXIT_DONE) {
        return status;
    }
    static bool has_warned; /* a second secret changes nothing about it */
    if (!coffer_memory_is_locked() && !has_warned) {
        has_warned = true;
        ui_warn("the system refuses to lock memory, so secrets may reach unencrypted swap space");
    }
    *credential = SCOPE_TAKE(made, NULL);
    return EXIT_DONE;
}
