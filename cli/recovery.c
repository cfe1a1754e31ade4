/* SPDX-License-Identifier: ISC */
/* recovery.c - the code lies in secret memory only, on its way to the terminal or to stdout, too (recovery.h). */
#include "recovery.h"

#include <unistd.h>

#include "json.h"
#include "terminal.h"
#include "ui.h"

#define ATTEMPTS 3

/* Somebody sees what is shown and can answer. A result that goes elsewhere is kept there. */
static bool is_somebody_there(void)
{
    return !ui_is_json() && isatty(STDOUT_FILENO) && terminal_is_there();
}

static enum exit_status ask(struct recovery *recovery, bool *is_right)
{
    struct coffer_secret *answer;

    enum exit_status status = terminal_ask_visibly("Type it again", &answer);
    if (status == EXIT_DONE) {
        *is_right = coffer_credential_is_recovery_code(recovery->credential, answer);
        coffer_secret_free(answer);
    }
    return status;
}

static enum exit_status show_and_ask(const char *volume, struct recovery *recovery)
{
    ui_notice("this is the recovery code of '%s': write it down, it is not shown again", volume);
    enum exit_status status = terminal_show(recovery->text);
    for (int i = 0; status == EXIT_DONE && i < ATTEMPTS; i++) {
        status = ask(recovery, &recovery->is_known);
        if (status != EXIT_DONE || recovery->is_known) {
            return status;
        }
        if (i + 1 < ATTEMPTS) {
            ui_warn("that is not the code: compare it with what stands above");
        }
    }
    return status ? status
                  : ui_fail(EXIT_USAGE, "the same command gives you a new one",
                            "the recovery code was not confirmed; nothing has been written");
}

enum exit_status recovery_begin(const char *volume, struct recovery *recovery)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    *recovery = (struct recovery){
        .credential = coffer_credential_new(),
        .text = coffer_secret_new(COFFER_RECOVERY_TEXT_SIZE),
    };
    if (!recovery->credential || !recovery->text) {
        return ui_fail_no_memory();
    }
    if (coffer_credential_make_recovery(recovery->credential, recovery->text, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_SECRET, NULL, &error);
    }
    return is_somebody_there() ? show_and_ask(volume, recovery) : EXIT_DONE;
}

bool recovery_is_owed(const struct recovery *recovery)
{
    return recovery->text && !recovery->is_known;
}

void recovery_print(struct recovery *recovery)
{
    if (recovery_is_owed(recovery)) {
        ui_put_secret(recovery->text);
    }
}

void recovery_print_json(struct recovery *recovery, struct json_object *document)
{
    if (recovery_is_owed(recovery)) {
        json_print_with_secret(document, "recovery_code", recovery->text);
    } else {
        json_print(document);
    }
}

void recovery_end(struct recovery *recovery)
{
    coffer_credential_free(recovery->credential);
    coffer_secret_free(recovery->text);
    *recovery = (struct recovery){ .is_known = false };
}
