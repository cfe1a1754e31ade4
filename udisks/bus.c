/* SPDX-License-Identifier: ISC */
/*
 * bus.c - sd-bus, as far as it is needed here (bus.h). A call may wait for somebody who is being asked for a
 * password, so it takes minutes before it counts as lost, and can be stopped.
 */
#include "bus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_US ((uint64_t)180 * 1000000) /* for an answer */
#define LOOK_US     ((uint64_t)100 * 1000)    /* between two questions whether to stop */

/* What the names of errors mean to us; the text is udisks' own where there is none here. A name that ends in a dot
 * stands for all that begin so. */
static const struct {
    const char *name;
    enum coffer_status status;
    int sys;
    const char *text;
} meanings[] = {
    { BUS_UDISKS ".Error.NotAuthorizedDismissed", COFFER_NOT_PERMITTED, EACCES,
      "udisks2 needs a password for it, and the question was dismissed" },
    { BUS_UDISKS ".Error.NotAuthorizedCanObtain", COFFER_NOT_PERMITTED, EACCES,
      "udisks2 does not allow it without an administrator's password" },
    { BUS_UDISKS ".Error.NotAuthorized", COFFER_NOT_PERMITTED, EACCES,
      "udisks2 does not allow it to this session" },
    { BUS_UDISKS ".Error.DeviceBusy", COFFER_IN_USE, EBUSY, "it is in use" },
    { BUS_UDISKS ".Error.OptionNotPermitted", COFFER_INVALID, EINVAL, NULL },
    { SD_BUS_ERROR_SERVICE_UNKNOWN, COFFER_NOT_PERMITTED, ENOSYS, "udisks2 is not installed, or not running" },
    { SD_BUS_ERROR_NAME_HAS_NO_OWNER, COFFER_NOT_PERMITTED, ENOSYS, "udisks2 is not running" },
    { "org.freedesktop.DBus.Error.Spawn.", COFFER_NOT_PERMITTED, ENOSYS, "udisks2 cannot be started" },
    { SD_BUS_ERROR_ACCESS_DENIED, COFFER_NOT_PERMITTED, EACCES,
      "the system bus does not let it through to udisks2" },
    { SD_BUS_ERROR_NO_REPLY, COFFER_FAILED, ETIMEDOUT, "udisks2 does not answer" },
    { SD_BUS_ERROR_TIMEOUT, COFFER_FAILED, ETIMEDOUT, "udisks2 does not answer" },
    { SD_BUS_ERROR_DISCONNECTED, COFFER_FAILED, ETIMEDOUT, "the system bus has gone away" },
};

COFFER_PRINTF(4, 5)
static enum coffer_status set(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                              ...)
{
    va_list list;

    if (error && error->status == COFFER_OK) {
        error->status = status;
        error->sys = sys;
        va_start(list, format);
        vsnprintf(error->text, sizeof(error->text), format, list);
        va_end(list);
    }
    return status;
}

enum coffer_status bus_fail(int result, struct coffer_error *error)
{
    switch (-result) {
    case ENOMEM:
        return set(error, COFFER_NO_MEMORY, ENOMEM, "out of memory");
    case ENXIO:
    case EBADMSG:
        return set(error, COFFER_FAILED, EBADMSG, "udisks2 gave an answer without sense");
    case ECONNRESET:
    case ENOTCONN:
    case EPIPE:
        return set(error, COFFER_FAILED, ETIMEDOUT, "the system bus has gone away");
    default:
        return set(error, COFFER_FAILED, -result, "cannot talk to udisks2: %s", strerror(-result));
    }
}

/* One line of what a stranger wrote. */
static enum coffer_status fail_with_text(const char *said, struct coffer_error *error)
{
    char text[sizeof(error->text)];

    snprintf(text, sizeof(text), "%s", said ? said : "it failed");
    for (char *at = text; *at; at++) {
        *at = (unsigned char)*at < ' ' || *at == '\x7f' ? ' ' : *at;
    }
    /* The text is all that tells it from another failure. */
    return strstr(text, "busy") ? set(error, COFFER_IN_USE, EBUSY, "it is in use")
                                : set(error, COFFER_FAILED, 0, "udisks2 says: %.200s", text);
}

static enum coffer_status fail_as_told(const sd_bus_error *told, struct coffer_error *error)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        const char *name = meanings[i].name;
        size_t length = strlen(name);
        bool is_it =
            name[length - 1] == '.' ? strncmp(told->name, name, length) == 0 : strcmp(told->name, name) == 0;
        if (is_it && meanings[i].text) {
            return set(error, meanings[i].status, meanings[i].sys, "%s", meanings[i].text);
        }
        if (is_it) {
            struct coffer_error words = COFFER_ERROR_INIT;
            fail_with_text(told->message, &words);
            return set(error, meanings[i].status, meanings[i].sys, "%s", words.text);
        }
    }
    return fail_with_text(told->message, error);
}

static bool is_unknown(const sd_bus_error *told)
{
    return sd_bus_error_has_name(told, SD_BUS_ERROR_UNKNOWN_METHOD) ||
           sd_bus_error_has_name(told, SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
           sd_bus_error_has_name(told, SD_BUS_ERROR_UNKNOWN_OBJECT);
}

static enum coffer_status connect_to_bus(struct bus_call *call, struct coffer_error *error)
{
    int result = call->bus ? 0 : sd_bus_open_system(&call->bus);

    if (result >= 0) {
        return COFFER_OK;
    }
    call->bus = NULL;
    return result == -ENOMEM ? bus_fail(result, error)
                             : set(error, COFFER_NOT_PERMITTED, ENOSYS, "there is no system bus to reach udisks2");
}

enum coffer_status bus_begin(struct bus_call *call, const char *object, const char *interface, const char *method,
                             struct coffer_error *error)
{
    char full[96];

    call->request = sd_bus_message_unref(call->request);
    call->answer = sd_bus_message_unref(call->answer);
    enum coffer_status status = connect_to_bus(call, error);
    if (status != COFFER_OK) {
        return status;
    }
    snprintf(full, sizeof(full), BUS_UDISKS ".%s", interface);
    int result = sd_bus_message_new_method_call(call->bus, &call->request, BUS_UDISKS, object, full, method);
    return result < 0 ? bus_fail(result, error) : COFFER_OK;
}

static int take_answer(sd_bus_message *message, void *user, sd_bus_error *unused)
{
    struct bus_call *call = user;

    (void)unused;
    call->answer = sd_bus_message_ref(message);
    return 0;
}

static enum coffer_status await(struct bus_call *call, udisks_stop_fn *stop, struct coffer_error *error)
{
    while (!call->answer) {
        if (stop && stop()) {
            return set(error, COFFER_INTERRUPTED, EINTR, "interrupted");
        }
        int result = sd_bus_process(call->bus, NULL);
        if (result == 0) {
            result = sd_bus_wait(call->bus, LOOK_US);
        }
        if (result < 0 && result != -EINTR && !call->answer) {
            return bus_fail(result, error);
        }
    }
    return COFFER_OK;
}

enum coffer_status bus_send(struct bus_call *call, int result, udisks_stop_fn *stop, struct coffer_error *error)
{
    if (result >= 0) {
        result = sd_bus_call_async(call->bus, NULL, call->request, take_answer, call, PATIENCE_US);
    }
    if (result < 0) {
        return bus_fail(result, error);
    }
    enum coffer_status status = await(call, stop, error);
    if (status != COFFER_OK) {
        return status;
    }
    const sd_bus_error *told = sd_bus_message_get_error(call->answer);
    call->is_unknown = told && is_unknown(told);
    return told ? fail_as_told(told, error) : COFFER_OK;
}

void bus_end(struct bus_call *call)
{
    sd_bus_message_unref(call->request);
    sd_bus_message_unref(call->answer);
    sd_bus_close_unref(call->bus);
    *call = (struct bus_call){ 0 };
}
