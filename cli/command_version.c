/* SPDX-License-Identifier: ISC */
/* command_version.c - `coffer version`: what this is, on which libraries it stands and which formats it knows. */
#include <blkid/blkid.h>
#include <json-c/json_c_version.h>
#include <stdio.h>

#include "command.h"
#include "files.h"
#include "json.h"
#include "map.h"
#include "serve.h"
#include "udisks.h"
#include "ui.h"

struct version_options {
    struct common_options common;
};

static const struct option table[] = {
    OPTIONS_COMMON(struct version_options),
    OPTIONS_END,
};

static const struct version_options defaults;

/* What the library's formats are called in `info` and `mount`, with the version of each that can be opened. */
static const char *const formats[] = {
    "coffer 1",  "luks 1",    "luks 2",     "bitlocker 2", "filevault 2", "qcow 1",   "qcow 2", "qcow 3",
    "veracrypt", "truecrypt", "loop-aes 1", "loop-aes 2",  "loop-aes 3",  "freeotfe", NULL,
};

/* Line i about a library; NULL after the last. */
static const char *component(unsigned i, char *text, size_t size)
{
    /* What this program was built without is NULL. */
    const char *const own[] = { serve_component(), map_component(), udisks_component() };
    const char *version = NULL;
    unsigned of_files = 0;

    for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++) {
        if (own[k] && i-- == 0) {
            return own[k];
        }
    }
    if (i == 0) {
        blkid_get_library_version(&version, NULL);
        snprintf(text, size, "libblkid %s", version);
        return text;
    }
    if (i == 1) {
        snprintf(text, size, "json-c %s", json_c_version());
        return text;
    }
    i -= 2;
    while (files_component(of_files)) {
        of_files++;
    }
    return i < of_files ? files_component(i) : coffer_component(i - of_files);
}

static enum exit_status print_json(void)
{
    struct json_object *document = json_document("version");
    struct json_object *components = json_object_new_array();
    struct json_object *known = json_object_new_array();
    char text[64];
    const char *line;

    for (unsigned i = 0; (line = component(i, text, sizeof(text))); i++) {
        json_object_array_add(components, json_text(line));
    }
    for (const char *const *format = formats; *format; format++) {
        json_object_array_add(known, json_text(*format));
    }
    json_add_text(document, "version", coffer_version());
    json_add(document, "libraries", components);
    json_add(document, "formats", known);
    json_add_text(document, "licence", files_licence());
    json_print(document);
    return EXIT_DONE;
}

static enum exit_status run(const void *options, const char *const *operands, size_t count)
{
    char text[64];
    const char *line;

    (void)options, (void)operands, (void)count;
    if (ui_is_json()) {
        return print_json();
    }
    ui_print("coffer %s", coffer_version());
    for (const char *const *format = formats; *format; format++) {
        ui_print("format %s", *format);
    }
    for (unsigned i = 0; (line = component(i, text, sizeof(text))); i++) {
        ui_print("library %s", line);
    }
    ui_print("licence %s", files_licence());
    return EXIT_DONE;
}

const struct command command_version = {
    .name = "version",
    .summary = "shows the version, the formats and the libraries",
    .operands = "",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
