/* SPDX-License-Identifier: ISC */
/*
 * adopt.c - a volume of VeraCrypt or TrueCrypt becomes one of ours where it is, or what it was again.
 *
 * Both formats keep 128 KiB at each end for headers, and AES-XTS turns a sector into the same bytes in both: so only
 * headers are written, and the data stays where it is, under the key it has. Their headers lie where ours go. Until the
 * tail of ours has been written, flushed, and opened from the medium, theirs in front is not touched; from then on ours
 * opens whatever becomes of the front. The first piece of the tail, which has the magic, goes last: a torn tail is not
 * taken for one. Taking it back goes the same way: their backup header first, then the one in front.
 */
#include "adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup.h"
#include "credential.h"
#include "error.h"
#include "format_coffer.h"
#include "format_tcrypt.h"
#include "header_lock.h"
#include "new_header.h"
#include "scope.h"
#include "unlock.h"

#define END         HEADER_END_SIZE /* bytes at each end that are not data, in both formats */
#define BACKUP_SIZE COFFER_ADOPT_BACKUP_SIZE
#define WRITTEN     (HEADER_VOLUMES * HEADER_VOLUME_STRIDE) /* of each end */
#define PIECE       512u                                    /* that a medium writes as a whole, or not */

_Static_assert(BACKUP_SIZE == 2 * END, "a backup is both ends");

/* What opens a header; secret memory. */
struct theirs {
    struct tcrypt_input input;
    struct tcrypt_found found;
};

static void free_theirs(struct theirs **theirs)
{
    crypto_secret_free(*theirs);
}

static uint64_t tail_of(const struct storage *storage)
{
    return storage->size - END;
}

/* ---- what can be taken over ---- */

static enum coffer_status refuse(struct coffer_error *error, const char *why)
{
    return error_set(error, COFFER_UNSUPPORTED, 0, "%s; 'convert' can copy it", why);
}

static enum coffer_status check_cipher(const struct tcrypt_found *found, struct coffer_error *error)
{
    const struct tcrypt_cipher *cipher = found->cipher;
    if (cipher->layers == 1 && cipher->layer[0] == CRYPTO_AES && cipher->mode == CRYPTO_XTS &&
        tcrypt_cipher_key_size(cipher) == HEADER_KEY_SIZE) {
        return COFFER_OK;
    }
    return error_set(error, COFFER_UNSUPPORTED, 0,
                     "its cipher is %s, and only aes-xts is ours as well; 'convert' can copy it", cipher->name);
}

static enum coffer_status check_geometry(const struct tcrypt_header *header, uint64_t size,
                                         struct coffer_error *error)
{
    struct tcrypt_place place;
    if (header->hidden_size != 0) {
        return refuse(error, "it is a hidden volume, which needs the outer one's header where it is");
    }
    if ((header->flags & (TCRYPT_FLAG_SYSTEM | TCRYPT_FLAG_IN_PLACE)) != 0) {
        return refuse(error, "it is an encrypted system, or was encrypted in place");
    }
    if (header->version <= 3) {
        return refuse(error, "it has the layout of TrueCrypt 5 or older");
    }
    if (tcrypt_header_place(header, false, size, &place) != TCRYPT_USABLE) {
        return error_set(error, COFFER_DAMAGED, 0, "its header says that the data lies outside of it");
    }
    if (size % 4096 != 0 || place.offset != END || place.size != size - 2 * (uint64_t)END ||
        place.size < HEADER_DATA_MIN) {
        return refuse(error, "its size is no multiple of 4096 bytes, or its data does not begin and end 128 KiB "
                             "from its ends");
    }
    return COFFER_OK;
}

/* Nothing of ours, or of somebody else with a magic, may be in front. A tail of ours is what an adoption that was cut
 * short has left. */
static enum coffer_status check_front(struct storage *storage, struct coffer_error *error)
{
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status;
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    if (image == NULL) {
        return error_set_no_memory(error);
    }
    if (image->verdict[HEADER_FRONT] != HEADER_NO_MAGIC) {
        return error_set(error, COFFER_INVALID, 0, "it is a coffer volume already");
    }
    const struct format *format = format_recognise(storage, &FORMAT_COFFER, &info, &status, NULL);
    if (format == NULL) {
        return COFFER_OK;
    }
    return error_set(error, COFFER_UNSUPPORTED, 0,
                     "it is a %s volume, and only those of VeraCrypt and TrueCrypt can be taken over; "
                     "'convert' can copy it",
                     format->name);
}

/* ---- the backup ---- */

static enum coffer_status read_ends(struct storage *storage, uint8_t *data, struct coffer_error *error)
{
    int result = storage_read(storage, data, END, 0);
    result = result != 0 ? result : storage_read(storage, data + END, END, tail_of(storage));
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot read the headers");
}

/* Opens what is in the file, in front or, where `at_end`, at its end. */
static enum coffer_status open_backup(struct storage *file, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, bool at_end,
                                      struct theirs *theirs, struct coffer_error *error)
{
    struct coffer_open_options how = *options;
    const struct tcrypt_kdf *known = theirs->found.cipher != NULL ? &theirs->found.kdf : NULL;
    struct tcrypt_kdf_choice choice = {
        .truecrypt = known == NULL || !known->veracrypt,
        .veracrypt = known == NULL || known->veracrypt,
        .hash = known != NULL ? known->hash : options->hash,
        .pim = options->pim,
    };
    how.backup_header = at_end;
    return format_tcrypt_find(file, credential, &how, choice, false, &theirs->input, &theirs->found, error);
}

/* From the medium: the front of the volume as it is, and a header in it that the secret opens. */
static enum coffer_status verify_backup(const char *path, const uint8_t *data,
                                        const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct theirs *theirs,
                                        struct coffer_error *error)
{
    struct storage *file __attribute__((cleanup(close_storage))) = NULL;
    uint8_t *found __attribute__((cleanup(free_bytes))) = malloc(END);
    if (found == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = storage_open(path, -1, true, STORAGE_UNLOCKED, NULL, &file, error);
    if (status != COFFER_OK) {
        return status;
    }
    storage_forget(file, 0, file->size);
    int result = file->size == BACKUP_SIZE ? storage_read(file, found, END, 0) : -EINVAL;
    if (result != 0 && result != -EINVAL) {
        return error_set_system(error, -result, "cannot read the backup");
    }
    if (result != 0 || memcmp(found, data, END) != 0) {
        return error_set(error, COFFER_INVALID, EEXIST,
                         "the file for the backup exists and is not one of this volume");
    }
    uint8_t keys[HEADER_KEY_SIZE];
    memcpy(keys, theirs->found.header.keys, sizeof(keys));
    status = open_backup(file, credential, options, false, theirs, error);
    bool same = status == COFFER_OK && crypto_equal(keys, theirs->found.header.keys, sizeof(keys));
    crypto_wipe(keys, sizeof(keys));
    return status != COFFER_OK || same ? status
                                       : error_set(error, COFFER_FAILED, EIO, "the backup holds another header");
}

/* A file that is there already is one of an adoption that was cut short, or is refused. */
static enum coffer_status back_up(struct storage *storage, const char *path,
                                  const struct coffer_credential *credential,
                                  const struct coffer_open_options *options, struct theirs *theirs,
                                  struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    uint8_t *data __attribute__((cleanup(free_bytes))) = malloc(BACKUP_SIZE);
    if (data == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = read_ends(storage, data, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = backup_write(path, data, BACKUP_SIZE, &reason);
    if (status != COFFER_OK && reason.sys != EEXIST) {
        return error_set(error, status, reason.sys, "the backup: %.200s", reason.text);
    }
    return verify_backup(path, data, credential, options, theirs, error);
}

/* ---- our header ---- */

static enum coffer_status fill_header(struct copies *copies, const struct tcrypt_header *theirs,
                                      const struct coffer_credential *credential,
                                      const struct coffer_create_options *options, struct coffer_error *error)
{
    uint64_t size = copies->storage->size;
    const struct header_fields fields = {
        .seq = 1,
        .created = options->withhold_time ? 0 : (uint64_t)time(NULL),
        .container_size = size,
        .data_offset = END,
        .data_size = size - 2 * (uint64_t)END,
        .iv_base = END / 512,
        .sector_shift = 9,
        .cipher = 1,
    };
    copies->marked = true;
    copies->offset[HEADER_TAIL] = size - END;
    enum coffer_status status = new_header_settle_cost(copies, options, credential, error);
    status =
        status ? status : new_header_fill(copies, &fields, credential, options->label, options->slot_name, error);
    if (status != COFFER_OK) {
        return status;
    }
    memcpy(header_key(&copies->body), theirs->keys, HEADER_KEY_SIZE);
    return header_validate(&copies->body, size, HEADER_INCOMPAT_KNOWN, error);
}

/* One end of a volume: its block, and noise where a hidden volume's would be. */
static void fill_end(struct copies *copies, enum header_copy copy, uint8_t end[WRITTEN])
{
    copies_seal_block(copies, copy);
    memcpy(end, copies->block[copy], HEADER_BLOCK_SIZE);
    crypto_random(end + HEADER_VOLUME_STRIDE, HEADER_BLOCK_SIZE);
}

/* The first piece last. 0 or a negative errno. */
static int write_end(struct storage *storage, const uint8_t end[WRITTEN], uint64_t offset)
{
    int result = storage_write(storage, end + PIECE, WRITTEN - PIECE, offset + PIECE);
    result = result != 0 ? result : storage_sync(storage);
    result = result != 0 ? result : storage_write(storage, end, PIECE, offset);
    return result != 0 ? result : storage_sync(storage);
}

/* That the tail, as it is on the medium, opens with the secret and gives the key. */
static enum coffer_status verify_tail(struct storage *storage, const struct coffer_credential *credential,
                                      struct copies *copies, struct coffer_error *error)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    struct copies *found __attribute__((cleanup(free_copies))) = copies_new();
    if (image == NULL || found == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = format_coffer_find(image, credential, &options, found, error);
    if (status != COFFER_OK) {
        return status;
    }
    return crypto_equal(header_key(&found->body), header_key(&copies->body), HEADER_KEY_SIZE)
               ? COFFER_OK
               : error_set(error, COFFER_FAILED, EIO, "the new header does not read back as it was written");
}

static enum coffer_status write_headers(struct copies *copies, const struct coffer_credential *credential,
                                        struct coffer_error *error)
{
    uint8_t end[WRITTEN];
    fill_end(copies, HEADER_TAIL, end);
    int result = write_end(copies->storage, end, copies->offset[HEADER_TAIL]);
    enum coffer_status status = result == 0 ? verify_tail(copies->storage, credential, copies, error)
                                            : error_set_system(error, -result, "cannot write the header");
    if (status != COFFER_OK) {
        return status;
    }
    fill_end(copies, HEADER_FRONT, end);
    result = write_end(copies->storage, end, 0);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}

/* ---- adopting ---- */

static enum coffer_status find_theirs(struct storage *storage, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct theirs *theirs,
                                      struct coffer_error *error)
{
    const char *type = options->type;
    struct coffer_open_options front = *options;
    struct tcrypt_kdf_choice choice = {
        .truecrypt = type == NULL || strcmp(type, FORMAT_TRUECRYPT.name) == 0,
        .veracrypt = type == NULL || strcmp(type, FORMAT_VERACRYPT.name) == 0,
        .hash = options->hash,
        .pim = options->pim,
    };
    if (options->system) {
        return refuse(error, "an encrypted system cannot be taken over");
    }
    front.backup_header = false; /* the one in front has to be whole, for it is what opens it meanwhile */
    enum coffer_status status =
        format_tcrypt_find(storage, credential, &front, choice, false, &theirs->input, &theirs->found, error);
    status = status ? status : check_cipher(&theirs->found, error);
    return status ? status : check_geometry(&theirs->found.header, storage->size, error);
}

static enum coffer_status adopt(struct storage *storage, const struct coffer_credential *theirs_secret,
                                const struct coffer_credential *secret, const char *backup_path,
                                const struct coffer_open_options *options,
                                const struct coffer_create_options *create, struct coffer_error *error)
{
    struct theirs *theirs __attribute__((cleanup(free_theirs))) = crypto_secret_alloc(sizeof(*theirs));
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    if (theirs == NULL || copies == NULL) {
        return error_set_no_memory(error);
    }
    copies->storage = storage;
    enum coffer_status status = check_front(storage, error);
    status = status ? status : find_theirs(storage, theirs_secret, options, theirs, error);
    status = status ? status : fill_header(copies, &theirs->found.header, secret, create, error);
    status = status ? status : back_up(storage, backup_path, theirs_secret, options, theirs, error);
    return status ? status : write_headers(copies, secret, error);
}

/* Holds the whole store and its header. */
static enum coffer_status open_store(const char *path, const struct coffer_open_options *options,
                                     struct storage **storage, struct coffer_error *error)
{
    enum coffer_status status =
        storage_open(path, -1, false, STORAGE_EXCLUSIVE, &options->callbacks, storage, error);
    return status == COFFER_OK ? header_lock(*storage, error) : status;
}

enum coffer_status coffer_adopt(const char *path, const struct coffer_credential *credential,
                                const struct coffer_credential *new_secret, const char *backup_path,
                                const struct coffer_open_options *options,
                                const struct coffer_create_options *create, struct coffer_error *error)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    const struct coffer_credential *secret = new_secret != NULL ? new_secret : credential;
    if (options->size != sizeof(*options) || create->size != sizeof(*create)) {
        return error_set(error, COFFER_INVALID, EINVAL, "the options have an unknown size");
    }
    if (credential_kind(secret) == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "neither a passphrase nor a key file was given");
    }
    enum coffer_status status = open_store(path, options, &storage, error);
    return status ? status : adopt(storage, credential, secret, backup_path, options, create, error);
}

/* ---- and back ---- */

/* What neither adopting nor anything that ours does to a header writes, of one end: noise that only this volume has. */
static bool is_same_noise(const uint8_t *data, const uint8_t *present)
{
    return memcmp(data + WRITTEN, present + WRITTEN, COFFER_HEADER_BACKUP_SIZE / 2 - WRITTEN) == 0 &&
           header_looks_random(data + WRITTEN);
}

/* Whether the secret opens the volume as ours, with this key. */
static bool opens_with_key(const struct unlock_image *present, const struct coffer_credential *credential,
                           const uint8_t key[HEADER_KEY_SIZE])
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct copies *found __attribute__((cleanup(free_copies))) = copies_new();
    return found != NULL && format_coffer_find(present, credential, &options, found, NULL) == COFFER_OK &&
           crypto_equal(header_key(&found->body), key, HEADER_KEY_SIZE);
}

/* One end may have been overwritten; and there are programs that leave zeros where VeraCrypt puts noise. */
static enum coffer_status check_own(const uint8_t *data, const struct unlock_image *present,
                                    const struct coffer_credential *credential, const struct theirs *theirs,
                                    struct coffer_error *error)
{
    const uint8_t *today = data + BACKUP_SIZE;
    if (is_same_noise(data, today) || is_same_noise(data + END, today + END) ||
        opens_with_key(present, credential, theirs->found.header.keys)) {
        return COFFER_OK;
    }
    return error_set(error, COFFER_INVALID, 0,
                     header_looks_random(data + WRITTEN)
                         ? "it is the backup of another volume"
                         : "nothing tells that the backup is of this volume; its old secret has to open it, too");
}

/* Whether their header at the end of the file opens, and is of the same volume as the one in front. */
static bool has_tail(struct storage *file, const struct coffer_credential *credential,
                     const struct coffer_open_options *options, struct theirs *theirs)
{
    uint8_t keys[HEADER_KEY_SIZE];
    struct coffer_error ignored = COFFER_ERROR_INIT;
    memcpy(keys, theirs->found.header.keys, sizeof(keys));
    bool has = open_backup(file, credential, options, true, theirs, &ignored) == COFFER_OK &&
               crypto_equal(keys, theirs->found.header.keys, sizeof(keys));
    crypto_wipe(keys, sizeof(keys));
    return has;
}

/* As in adopting; but where ours in front is lost, the one at the end may be the only one, and goes last. */
static int write_theirs(struct storage *storage, const uint8_t *front, const uint8_t *tail, bool front_first)
{
    int result = front_first ? write_end(storage, front, 0) : write_end(storage, tail, tail_of(storage));
    if (result != 0) {
        return result;
    }
    return front_first ? write_end(storage, tail, tail_of(storage)) : write_end(storage, front, 0);
}

enum coffer_status adopt_undo(struct storage *storage, struct storage *file,
                              const struct coffer_credential *credential,
                              const struct coffer_open_options *options, struct coffer_error *error)
{
    struct theirs *theirs __attribute__((cleanup(free_theirs))) = crypto_secret_alloc(sizeof(*theirs));
    uint8_t *data __attribute__((cleanup(free_bytes))) = malloc(2 * (size_t)BACKUP_SIZE);
    struct unlock_image *present __attribute__((cleanup(free_image))) = unlock_read(storage);
    if (theirs == NULL || data == NULL || present == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = open_backup(file, credential, options, false, theirs, error);
    if (status == COFFER_OK && theirs->found.header.data_size != storage->size - 2 * (uint64_t)END) {
        return error_set(error, COFFER_INVALID, 0, "the volume has another size than at the time of the backup");
    }
    status = status ? status : check_geometry(&theirs->found.header, storage->size, error);
    status = status ? status : read_ends(file, data, error);
    status = status ? status : read_ends(storage, data + BACKUP_SIZE, error);
    status = status ? status : check_own(data, present, credential, theirs, error);
    if (status != COFFER_OK) {
        return status;
    }
    /* Where an adoption was cut short before the backup was made, their tail in it may be ours: the front will do. */
    const uint8_t *tail = has_tail(file, credential, options, theirs) ? data + END : data;
    int result = write_theirs(storage, data, tail, present->verdict[HEADER_FRONT] != HEADER_USABLE);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}
