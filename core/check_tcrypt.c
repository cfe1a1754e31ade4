/* SPDX-License-Identifier: ISC */
/*
 * check_tcrypt.c - the header of a TrueCrypt or VeraCrypt volume and its backup at the end. Only the secret that opens
 * them can tell that they are there; the checksums in them are what is verified.
 */
#include <string.h>

#include "check_foreign.h"
#include "crypto.h"
#include "error.h"
#include "format_tcrypt.h"

/* Two headers that were opened; secret memory. */
struct pair {
    struct tcrypt_input input;
    struct tcrypt_found first, backup;
};

static void free_pair(struct pair **pair)
{
    crypto_secret_free(*pair);
}

/* Both have been filled from a zeroed struct, so that padding is equal too. */
static bool say_the_same(const struct tcrypt_header *a, const struct tcrypt_header *b)
{
    return a->version == b->version && a->hidden_size == b->hidden_size && a->volume_size == b->volume_size &&
           a->data_offset == b->data_offset && a->data_size == b->data_size && a->flags == b->flags &&
           crypto_equal(a->keys, b->keys, sizeof(a->keys));
}

static enum coffer_status look(struct storage *storage, const struct coffer_credential *credential,
                               const struct coffer_open_options *options, const struct tcrypt_kdf *known,
                               struct tcrypt_input *input, struct tcrypt_found *found, struct coffer_error *error)
{
    const char *type = options->type;
    struct tcrypt_kdf_choice choice = {
        .truecrypt = known != NULL ? !known->veracrypt : type == NULL || strcmp(type, "truecrypt") == 0,
        .veracrypt = known != NULL ? known->veracrypt : type == NULL || strcmp(type, "veracrypt") == 0,
        .system = options->system,
        .hash = known != NULL ? known->hash : options->hash,
        .pim = options->pim,
    };
    return format_tcrypt_find(storage, credential, options, choice, false, input, found, error);
}

static void say_what_opens(const struct tcrypt_found *found, bool is_backup, struct report *report)
{
    report_say(report, COFFER_FINDING_GOOD, "%s%s: opens, checksums right (%s, %s)",
               found->header.hidden_size != 0 ? "hidden " : "", is_backup ? "backup header" : "header",
               found->cipher->name, found->kdf.name);
}

static void say_what_is_lost(const struct tcrypt_found *other, bool is_backup, struct report *report)
{
    report_say(report, COFFER_FINDING_DAMAGE,
               "%s%s: it is damaged, or another secret opens it; VeraCrypt can make it anew from the other",
               other->header.hidden_size != 0 ? "hidden " : "", is_backup ? "backup header" : "header");
}

static bool has_backup(const struct tcrypt_found *found, const struct coffer_open_options *options)
{
    return found->header.version > 3 && !options->system;
}

/* `from`: the options for the header in front. */
static enum coffer_status check_pair(struct storage *storage, const struct coffer_credential *credential,
                                     const struct coffer_open_options *from, struct pair *pair,
                                     struct report *report, struct coffer_error *error)
{
    struct coffer_open_options at_end = *from;
    struct coffer_error reason = COFFER_ERROR_INIT;
    at_end.backup_header = true;
    enum coffer_status first = look(storage, credential, from, NULL, &pair->input, &pair->first, &reason);
    if (first != COFFER_OK && first != COFFER_WRONG_SECRET) {
        return error_set(error, first, reason.sys, "%s", reason.text);
    }
    if (first == COFFER_OK) {
        say_what_opens(&pair->first, false, report);
        if (!has_backup(&pair->first, from)) {
            report_say(report, COFFER_FINDING_NOTE, "a volume of this kind has no second header");
            return COFFER_OK;
        }
    } else if (from->system) {
        return error_set(error, first, reason.sys, "%s", reason.text);
    }
    const struct tcrypt_kdf *known = first == COFFER_OK ? &pair->first.kdf : NULL;
    enum coffer_status backup = look(storage, credential, &at_end, known, &pair->input, &pair->backup, error);
    if (backup != COFFER_OK && (backup != COFFER_WRONG_SECRET || first != COFFER_OK)) {
        return backup;
    }
    if (backup == COFFER_OK) {
        say_what_opens(&pair->backup, true, report);
    } else {
        say_what_is_lost(&pair->first, true, report);
    }
    if (first != COFFER_OK) {
        say_what_is_lost(&pair->backup, false, report);
    } else if (backup == COFFER_OK && !say_the_same(&pair->first.header, &pair->backup.header)) {
        report_say(report, COFFER_FINDING_DAMAGE, "the two headers do not say the same");
    }
    return COFFER_OK;
}

static void check_place(const struct storage *storage, const struct tcrypt_found *found,
                        const struct coffer_open_options *options, struct report *report)
{
    struct tcrypt_place place;
    switch (tcrypt_header_place(&found->header, options->system, storage->size, &place)) {
    case TCRYPT_USABLE:
        break;
    case TCRYPT_UNFINISHED:
        report_say(report, COFFER_FINDING_NOTE, "encrypting it in place was not finished");
        break;
    case TCRYPT_DAMAGED:
        report_say(report, COFFER_FINDING_DAMAGE, "data: it lies beyond the end, the volume was cut short");
        break;
    }
}

enum coffer_status check_tcrypt(struct storage *storage, const struct coffer_credential *credential,
                                const struct coffer_open_options *options, struct report *report,
                                struct coffer_error *error)
{
    struct coffer_open_options front = *options;
    struct pair *pair __attribute__((cleanup(free_pair))) = crypto_secret_alloc(sizeof(*pair));
    if (pair == NULL) {
        return error_set_no_memory(error);
    }
    front.backup_header = false;
    enum coffer_status status = check_pair(storage, credential, &front, pair, report, error);
    if (status == COFFER_OK) {
        check_place(storage, pair->first.cipher != NULL ? &pair->first : &pair->backup, options, report);
    }
    return status;
}
