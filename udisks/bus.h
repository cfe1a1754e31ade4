/* SPDX-License-Identifier: ISC */
/* bus.h - one call to udisks2 over the system bus, with its answer or an error of ours. */
#ifndef BUS_H
#define BUS_H

#include <systemd/sd-bus.h>

#include "udisks.h"

#define BUS_UDISKS  "org.freedesktop.UDisks2"
#define BUS_MANAGER "/org/freedesktop/UDisks2/Manager"

/* All of it belongs to one call; bus_end gives it back, whatever is there. */
struct bus_call {
    sd_bus *bus;
    sd_bus_message *request;
    sd_bus_message *answer;
    bool is_unknown; /* the object has no such interface, which it may get later */
};

#define SCOPE_BUS __attribute__((cleanup(bus_end)))
void bus_end(struct bus_call *call);

/* Connects, once, and begins a request, to which the caller appends. `interface` is what follows
 * "org.freedesktop.UDisks2.". */
enum coffer_status bus_begin(struct bus_call *call, const char *object, const char *interface, const char *method,
                             struct coffer_error *error);

/* Sends it and waits for the answer. `result` is for bus_fail: what appending the arguments gave. */
enum coffer_status bus_send(struct bus_call *call, int result, udisks_stop_fn *stop, struct coffer_error *error);

/* For what a function of sd-bus returned. */
enum coffer_status bus_fail(int result, struct coffer_error *error);

#endif
