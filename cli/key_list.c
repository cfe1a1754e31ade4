/* SPDX-License-Identifier: ISC */
/* key_list.c - `coffer key list`. Names come last on a line: they are hostile text of any width. */
#include "key_list.h"

#include <stdio.h>

#include "json.h"
#include "ui.h"

struct words {
    const char *for_people;
    const char *for_programs;
};

static struct words describe(enum coffer_key_kind kind)
{
    switch (kind) {
    case COFFER_KEY_EMPTY:
        return (struct words){ "empty", "empty" };
    case COFFER_KEY_PASSPHRASE:
        return (struct words){ "passphrase", "passphrase" };
    case COFFER_KEY_FACTORS:
        return (struct words){ "key files", "factors" };
    case COFFER_KEY_RECOVERY:
        return (struct words){ "recovery code", "recovery" };
    case COFFER_KEY_RAW:
        return (struct words){ "raw key", "raw" };
    }
    return (struct words){ "unknown", "unknown" }; /* of a later version */
}

static void print_row(const char *slot, const char *kind, const char *created, const char *opened,
                      const char *name)
{
    ui_print("%-4s  %-13s  %-20s  %-6s  %s", slot, kind, created, opened, name);
}

void key_list_print(const struct coffer_key keys[static COFFER_SLOTS])
{
    print_row("SLOT", "KIND", "CREATED", "OPENED", "NAME");
    for (unsigned slot = 0; slot < COFFER_SLOTS; slot++) {
        const struct coffer_key *key = &keys[slot];
        char number[16];
        char created[JSON_TIME_MAX];
        if (key->kind == COFFER_KEY_EMPTY) {
            continue;
        }
        bool is_known = key->created != 0 && json_format_time(key->created, created);
        snprintf(number, sizeof(number), "%u", slot);
        print_row(number, describe(key->kind).for_people, is_known ? created : "?", key->opened_it ? "yes" : "no",
                  key->name);
    }
}

static struct json_object *describe_key(unsigned slot, const struct coffer_key *key)
{
    struct json_object *object = json_object_new_object();

    json_add_number(object, "slot", slot);
    json_add_text(object, "kind", describe(key->kind).for_programs);
    json_add_text(object, "name", key->name);
    if (key->created == 0) {
        json_add(object, "created", NULL);
    } else {
        json_add_time(object, "created", key->created);
    }
    json_add_bool(object, "opened_it", key->opened_it);
    return object;
}

void key_list_print_json(const char *volume, const struct coffer_key keys[static COFFER_SLOTS])
{
    struct json_object *document = json_document("key");
    struct json_object *list = json_object_new_array();

    for (unsigned slot = 0; slot < COFFER_SLOTS; slot++) {
        if (keys[slot].kind != COFFER_KEY_EMPTY) {
            json_object_array_add(list, describe_key(slot, &keys[slot]));
        }
    }
    json_add_text(document, "action", "list");
    json_add_path(document, "volume", volume);
    json_add_number(document, "slots", COFFER_SLOTS);
    json_add(document, "keys", list);
    json_print(document);
}
