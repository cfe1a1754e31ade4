/* SPDX-License-Identifier: ISC */
/*
 * coffer.h - the whole public interface of libcoffer.
 *
 * Errors.  Every call that can fail returns enum coffer_status and, where it is not COFFER_OK, fills the
 * struct coffer_error given last (it may be NULL). The first failure wins: an error that is already filled is
 * left alone, so a caller starts with COFFER_ERROR_INIT. The text is one line of lower case English without
 * the name of the file; `sys` is the errno behind it, or 0.
 *
 * Output.  Out parameters come just before the error and are written on success only. The library never
 * prints, exits, reads the environment or handles signals. What a user should know although nothing failed
 * comes through the notice callback; long work reports through the progress callback, which may say stop.
 *
 * Ownership.  Handles are opaque. Whoever gets a handle frees it with the function of the same name; every
 * free function takes NULL. Strings and option structs given to a call are copied or used only during it.
 * Option and information structs carry their own size, so that old callers work with a newer library.
 *
 * Threads.  coffer_volume_pread, _pwrite, _flush, _discard, _zero, _seek and _info may be called on one volume
 * from many threads at once. Everything else about one handle belongs to one thread at a time.
 *
 * Secrets.  They travel only in struct coffer_secret (locked, not dumped, wiped when freed) and ways to unlock
 * only in struct coffer_credential. Locked memory does not survive fork(): make both after the last fork.
 */
#ifndef COFFER_H
#define COFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COFFER_API               __attribute__((visibility("default")))
#define COFFER_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* ---- Status and errors ---------------------------------------------------------------------------------- */

enum coffer_status {
    COFFER_OK = 0,
    COFFER_FAILED,        /* input/output error, no space, anything without a word of its own */
    COFFER_INVALID,       /* an argument that can never work */
    COFFER_NOT_FOUND,     /* no such file, or not a volume */
    COFFER_IN_USE,        /* open elsewhere */
    COFFER_WRONG_SECRET,  /* no key slot opens with this secret */
    COFFER_DAMAGED,       /* it is a volume, and what it says about itself cannot be */
    COFFER_UNSUPPORTED,   /* too new, or of a kind that is refused by name */
    COFFER_NO_MEMORY,     /* not enough memory, as a rule for the key derivation */
    COFFER_NOT_PERMITTED, /* not allowed here, or a facility is missing */
    COFFER_INTERRUPTED,   /* the progress callback said stop */
};

struct coffer_error {
    enum coffer_status status;
    int sys; /* errno, or 0 */
    char text[256];
};

#define COFFER_ERROR_INIT \
    {                     \
        COFFER_OK, 0, ""  \
    }

/* ---- Library -------------------------------------------------------------------------------------------- */

/* Starts the cryptographic libraries and tests them with known answers; once per process, before all else.
 * Errors: FAILED when a self-test does not give the known answer or the random source is missing. */
COFFER_API enum coffer_status coffer_init(struct coffer_error *error);

/* "0.1.0". */
COFFER_API const char *coffer_version(void);

/* Line i (from 0) about what the library is built on, "libsodium 1.0.18"; NULL after the last. */
COFFER_API const char *coffer_component(unsigned i);

/* Whether secrets made so far really are locked into memory (mlock may be refused by a resource limit). */
COFFER_API bool coffer_memory_is_locked(void);

/* Opens a block device that this process may not open: called where open(2) fails with EACCES for one. `flags` are
 * O_RDONLY or O_RDWR, with O_EXCL where nobody else may use it. A descriptor, closed on exec, or a negative errno. */
typedef int coffer_open_device_fn(const char *path, int flags);

/* For the whole process, before anything is opened; NULL, the default, opens none. */
COFFER_API void coffer_set_open_device(coffer_open_device_fn *open_device);

/* ---- Callbacks ------------------------------------------------------------------------------------------ */

/* Something worth a line to the user though nothing failed: one line, lower case, no period. */
typedef void coffer_notice_fn(void *user, const char *text);

/* Long work: done of total bytes of `what` ("random fill", "header"). Called at least every 100 ms while data
 * moves. Returning false stops at the next safe point with COFFER_INTERRUPTED. */
typedef bool coffer_progress_fn(void *user, const char *what, uint64_t done, uint64_t total);

struct coffer_callbacks {
    coffer_notice_fn *notice;     /* may be NULL */
    coffer_progress_fn *progress; /* may be NULL */
    void *user;
};

/* ---- Secrets and credentials ---------------------------------------------------------------------------- */

#define COFFER_PASSPHRASE_MAX 1024 /* bytes */
#define COFFER_RAW_KEY_SIZE   32   /* bytes */

struct coffer_secret;

/* capacity 1 .. 65536 bytes, all zero, size 0. NULL when there is no memory. */
COFFER_API struct coffer_secret *coffer_secret_new(size_t capacity);
COFFER_API void coffer_secret_free(struct coffer_secret *secret); /* wipes */
COFFER_API uint8_t *coffer_secret_data(struct coffer_secret *secret);
COFFER_API size_t coffer_secret_size(const struct coffer_secret *secret);
COFFER_API size_t coffer_secret_capacity(const struct coffer_secret *secret);
/* size <= capacity, checked: a larger one aborts. Bytes beyond it are wiped. */
COFFER_API void coffer_secret_set_size(struct coffer_secret *secret, size_t size);

/* A way to unlock: a passphrase, key files, both together; or one raw key alone. */
struct coffer_credential;

COFFER_API struct coffer_credential *coffer_credential_new(void);
COFFER_API void coffer_credential_free(struct coffer_credential *credential);

/* Copies `passphrase`, 1 .. COFFER_PASSPHRASE_MAX bytes, no NUL byte; never trimmed or normalised. An empty
 * one stands for "none" and is refused. Errors: INVALID. */
COFFER_API enum coffer_status coffer_credential_set_passphrase(struct coffer_credential *credential,
                                                               const struct coffer_secret *passphrase,
                                                               struct coffer_error *error);

/* Adds the content of a file as a factor; read to its end now, in constant memory. Errors: INVALID for an
 * empty file or one given twice, NOT_FOUND, NOT_PERMITTED, FAILED. */
COFFER_API enum coffer_status coffer_credential_add_key_file(struct coffer_credential *credential,
                                                             const char *path, struct coffer_error *error);

/* The same from an open descriptor, which stays open. */
COFFER_API enum coffer_status coffer_credential_add_key_fd(struct coffer_credential *credential, int fd,
                                                           struct coffer_error *error);

/* Of the key files added from now on only `size` bytes from `offset` count; size 0 = to the end of the file. */
COFFER_API void coffer_credential_set_key_file_part(struct coffer_credential *credential, uint64_t offset,
                                                    uint64_t size);

/* `key` is exactly COFFER_RAW_KEY_SIZE uniformly random bytes; excludes the other two. Errors: INVALID. */
COFFER_API enum coffer_status coffer_credential_set_raw_key(struct coffer_credential *credential,
                                                            const struct coffer_secret *key,
                                                            struct coffer_error *error);

/* Makes a new random key to be kept on paper, the only thing in this credential, and writes its text into `text`
 * (capacity of at least COFFER_RECOVERY_TEXT_SIZE): 11 groups of 5 symbols with a checksum. That text opens the
 * volume wherever a passphrase is asked for. Errors: INVALID. */
#define COFFER_RECOVERY_TEXT_SIZE 66 /* bytes, with the NUL */
COFFER_API enum coffer_status coffer_credential_make_recovery(struct coffer_credential *credential,
                                                              struct coffer_secret *text,
                                                              struct coffer_error *error);

/* Whether `text`, as a person typed it, is the code that coffer_credential_make_recovery gave. */
COFFER_API bool coffer_credential_is_recovery_code(const struct coffer_credential *credential,
                                                   const struct coffer_secret *text);

/* ---- What a volume is ----------------------------------------------------------------------------------- */

struct coffer_info {
    size_t size; /* sizeof(struct coffer_info), set by the caller */

    /* Seen without a secret. */
    /* "coffer", "luks", "bitlocker", "filevault", "qcow", "veracrypt", "truecrypt", "freeotfe",
     * "loop-aes", "loop-aes-192", "loop-aes-256"; static */
    const char *format;
    unsigned version;      /* of the format */
    uint64_t backing_size; /* bytes of the file or device */
    bool is_device;
    bool marked;
    bool front_ok, tail_ok;             /* the copy has a magic and usable parameters */
    bool front_slots_ok, tail_slots_ok; /* the public check over the key slots holds */
    uint8_t uuid[16];                   /* visible; RFC byte order */
    char label[65];                     /* visible; hostile text: escape before printing */
    char kdf[32];                       /* "argon2id", "pbkdf2-sha256"; of the first key slot; "" = not known */
    uint32_t kdf_iterations;            /* PBKDF2's rounds, or others that need no memory; else 0 */
    uint32_t kdf_memory;                /* KiB */
    uint32_t kdf_passes;
    uint32_t kdf_lanes;
    unsigned slots;       /* how many key slots there can be */
    uint32_t slot_set;    /* the key slots in use, bit n being slot n, where that can be seen without a secret */
    bool needs_no_secret; /* BitLocker with its protection suspended: an empty credential opens it */
    char opens_with[128]; /* formats of others: what would open it, as far as it says */
    char refused[128];    /* formats of others: why it cannot be opened though it is known; "" = it can */

    /* Known once it is unlocked. */
    bool unlocked;
    bool hidden; /* the inner one of two */
    bool read_only;
    bool thin;              /* holes read as zeros */
    bool filled;            /* the data area was filled with noise once */
    uint32_t sector_size;   /* bytes */
    uint64_t data_size;     /* bytes of cleartext */
    uint64_t data_offset;   /* bytes from the start of the backing store */
    uint64_t iv_base;       /* tweak of the first 512-byte unit */
    uint64_t header_seq;    /* how often the header was written */
    uint64_t created;       /* Unix time, s; 0 = withheld */
    char private_label[65]; /* hostile text too */
    unsigned slot;          /* the key slot that opened it */
    unsigned slots_used;
    char cipher[64]; /* "aes-xts-plain64"; formats of others may say it without a secret, hostile text then */
    uint64_t refused_writes; /* into the hidden volume that is protected */
    bool is_unverified;      /* the format cannot tell a wrong secret, which would show noise */
};

#define COFFER_SLOTS 15

/* What `path` is, without a secret and without a lock. Errors: NOT_FOUND (also: no known magic),
 * UNSUPPORTED (too new), DAMAGED, NOT_PERMITTED, FAILED. */
COFFER_API enum coffer_status coffer_probe(const char *path, struct coffer_info *info, struct coffer_error *error);

/* ---- Creating ------------------------------------------------------------------------------------------- */

struct coffer_create_options {
    size_t size;             /* sizeof(struct coffer_create_options) */
    uint64_t container_size; /* bytes, a multiple of 4096; 0 on a device: all of it */
    uint32_t sector_size;    /* 512 or 4096; 0 = 4096 */
    uint32_t kdf_memory;     /* KiB; 0 = 256 MiB */
    uint32_t kdf_passes;     /* 0 = 3 */
    int kdf_level;           /* unmarked only: 0 .. 4; -1 = 2 */
    bool thin;               /* holes; files, or devices that read as zeros all over */
    bool fill;               /* write noise over the data area first */
    bool unmarked;           /* every byte random; implies fill, excludes thin */
    const char *format;      /* "coffer", "luks2"; NULL = "coffer" */
    bool unfinished;       /* nothing opens it until coffer_volume_complete has been called, but for who goes on */
    bool replace;          /* an existing file may be replaced when the new volume is published */
    const char *label;     /* visible (marked only); up to 64 bytes of UTF-8; NULL = none */
    const char *slot_name; /* up to 40 bytes; NULL = none */
    bool withhold_time;    /* do not record the time */
    const struct coffer_credential *second_secret; /* another way in, in slot 1; NULL = none */
    struct coffer_callbacks callbacks;
};

#define COFFER_CREATE_OPTIONS_INIT                                    \
    {                                                                 \
        .size = sizeof(struct coffer_create_options), .kdf_level = -1 \
    }

struct coffer_volume;

/* Makes a volume in a file or on a block device and leaves it open for reading and writing. A file has no name yet:
 * coffer_volume_publish gives it one. Closed without that, nothing is left behind. A LUKS2 volume has one secret, a
 * passphrase or one key file, and of the options container_size, sector_size, kdf_memory, kdf_passes (at least 4,
 * the default), fill, replace, label (up to 47 bytes), unfinished and callbacks; its data begins at 16 MiB. Errors:
 * INVALID, IN_USE, NOT_FOUND (no such directory), NOT_PERMITTED, NO_MEMORY, INTERRUPTED, FAILED (sys = EEXIST: the
 * file exists and `replace` is not set; sys = ENOSPC). */
COFFER_API enum coffer_status coffer_volume_create(const char *path, const struct coffer_credential *credential,
                                                   const struct coffer_create_options *options,
                                                   struct coffer_volume **volume, struct coffer_error *error);

/* Flushes a new volume and makes it appear under its path, whole. On a device: flushes. */
COFFER_API enum coffer_status coffer_volume_publish(struct coffer_volume *volume, struct coffer_error *error);

/* Makes a hidden volume of options->container_size bytes of cleartext at the end of the outer one's data area,
 * which must have been filled when it was made. Of the options only container_size, sector_size, slot_name,
 * withhold_time and callbacks count; kdf_level as for opening. Destroys what the outer volume, or an earlier
 * hidden one, has stored there. Errors: as coffer_volume_open for the outer volume; INVALID: too large, not
 * filled, or a secret that opens something here already. */
COFFER_API enum coffer_status coffer_volume_create_hidden(const char *path, const struct coffer_credential *outer,
                                                          const struct coffer_credential *hidden,
                                                          const struct coffer_create_options *options,
                                                          struct coffer_volume **volume,
                                                          struct coffer_error *error);

/* ---- Opening and closing -------------------------------------------------------------------------------- */

struct coffer_open_options {
    size_t size;      /* sizeof(struct coffer_open_options) */
    const char *type; /* a format's name in struct coffer_info; NULL = find out, but not loop-AES */
    bool read_only;
    int kdf_level; /* unmarked: try only this one; -1 = those that are tried without being named */
    /* The hidden volume's secret, `credential` being the outer's: the outer one is served, writes into the hidden
     * one fail with sys = EPERM and change nothing. Of the first of them the notice callback is told, on the thread
     * that writes: until the volume is closed it may still be called. NULL = none. */
    const struct coffer_credential *protect_hidden;
    int fd; /* an open descriptor to use instead of opening the path (taken over); -1 = none */
    /* LUKS: the file that holds the header, where it is not at the start of the data. FreeOTFE: its keyfile. NULL =
     * none */
    const char *header;
    int slot; /* formats of others: the only key slot to try; -1 = all */
    struct coffer_callbacks callbacks;
    /* VeraCrypt and TrueCrypt; any of these names them where `type` is NULL. loop-AES has the first two hashes. */
    uint32_t pim;     /* the personal iterations multiplier; 0 = none */
    const char *hash; /* "sha512", "sha256", "whirlpool", "blake2s", "ripemd160", "streebog", "sha1", "argon2id" */
    bool system;      /* the path is the whole disk of an encrypted system */
    bool backup_header; /* use the backup headers at the end of the volume */
    /* FreeOTFE; any of these names it where `type` is NULL. The hash, too, counts where it is named: also "sha384",
     * "sha224", "tiger", "md5", "md4". */
    int salt_bits;       /* -1 = 256; at most 512, a multiple of 8 */
    uint32_t iterations; /* 0 = 2048 */
    /* Bytes: where it begins, in a store that holds something else, too; with `header` the data. -1: at the start, with
     * `header` behind the block that the volume has, where there is room for one. */
    int64_t offset;
    bool unfinished; /* open one that was made so and is not complete, and none that is (INVALID, sys = EEXIST) */
};

#define COFFER_OPEN_OPTIONS_INIT                                                                            \
    {                                                                                                       \
        .size = sizeof(struct coffer_open_options), .kdf_level = -1, .fd = -1, .slot = -1, .salt_bits = -1, \
        .offset = -1                                                                                        \
    }

/* Locks, unlocks, checks and, read-write, heals a volume. Errors: NOT_FOUND, IN_USE, WRONG_SECRET, DAMAGED,
 * UNSUPPORTED, NO_MEMORY, NOT_PERMITTED, INVALID, INTERRUPTED, FAILED. */
COFFER_API enum coffer_status coffer_volume_open(const char *path, const struct coffer_credential *credential,
                                                 const struct coffer_open_options *options,
                                                 struct coffer_volume **volume, struct coffer_error *error);

/* Flushes, wipes the keys, releases the lock and frees; always, whatever it returns. Reports the first write
 * or flush that failed during the volume's life, even when its caller has been told. */
COFFER_API enum coffer_status coffer_volume_close(struct coffer_volume *volume, struct coffer_error *error);

COFFER_API enum coffer_status coffer_volume_info(struct coffer_volume *volume, struct coffer_info *info,
                                                 struct coffer_error *error);

/* ---- Cleartext ------------------------------------------------------------------------------------------ */

/* All of [offset, offset + size) lies inside the volume's data_size, or INVALID. Any alignment; whole sectors
 * are fast. They transfer everything or fail: FAILED with sys = EIO, ENOSPC, EROFS ... */
COFFER_API enum coffer_status coffer_volume_pread(struct coffer_volume *volume, void *data, size_t size,
                                                  uint64_t offset, struct coffer_error *error);
COFFER_API enum coffer_status coffer_volume_pwrite(struct coffer_volume *volume, const void *data, size_t size,
                                                   uint64_t offset, struct coffer_error *error);

/* Everything written so far is on the medium. A flush that failed once fails for ever: what the kernel
 * dropped cannot be flushed again. */
COFFER_API enum coffer_status coffer_volume_flush(struct coffer_volume *volume, struct coffer_error *error);

/* Thin: whole sectors become holes and read as zeros, the rest of the range is written as zeros, so that all
 * of it reads as zeros. Thick: UNSUPPORTED with sys = EOPNOTSUPP. */
COFFER_API enum coffer_status coffer_volume_discard(struct coffer_volume *volume, uint64_t offset, uint64_t size,
                                                    struct coffer_error *error);

/* The start of the next data (hole = false) or hole (hole = true) at or after `offset`, in cleartext bytes.
 * At the end: data: FAILED with sys = ENXIO; hole: data_size. A thick volume is all data, but for what
 * a format says is zeros and has no place in the store. */
COFFER_API enum coffer_status coffer_volume_seek(struct coffer_volume *volume, uint64_t offset, bool hole,
                                                 uint64_t *found, struct coffer_error *error);

/* ---- Copying -------------------------------------------------------------------------------------------- */

/* Makes the cleartext of `to` that of `from`, with zeros up to a multiple of 4096 bytes, and reads both again to
 * verify it. `to` may be larger; what is behind is left alone. What is the same already is not written, and zeros
 * become holes where `to` is thin: after a copy that was cut short, in whatever way, the same call goes on, and
 * needs no record of how far it was. Flushes now and then. Works in as many threads as there are processors; the
 * callbacks are called on the caller's. Errors: INVALID (`to` is smaller), FAILED (also, sys = EILSEQ: what is read
 * back is not what was written), INTERRUPTED. */
COFFER_API enum coffer_status coffer_volume_copy(struct coffer_volume *from, struct coffer_volume *to,
                                                 const struct coffer_callbacks *callbacks,
                                                 struct coffer_error *error);

/* Lets everybody open a volume that was made `unfinished`; in one update of its header, which a power cut does not
 * tear. `credential` opens it, which is seen to once more. Of the options kdf_level counts. Errors: WRONG_SECRET,
 * NO_MEMORY, FAILED. */
COFFER_API enum coffer_status coffer_volume_complete(struct coffer_volume *volume,
                                                     const struct coffer_credential *credential,
                                                     const struct coffer_open_options *options,
                                                     struct coffer_error *error);

/* ---- Taking over ---------------------------------------------------------------------------------------- */

/* Turns a volume of VeraCrypt, or of TrueCrypt since its version 6, into one of ours by writing headers alone: the
 * data stays, under its old key. `credential` opens it; `new_secret` (NULL: the same) will. First both ends of the
 * volume go into the new file `backup_path` (COFFER_ADOPT_BACKUP_SIZE), which is read back and opened; one that is
 * there already is taken if it is of this volume. coffer_header_restore with it undoes all. At every moment the
 * volume opens with the old program or as ours: a power cut loses nothing, and the same call goes on. Of `options`
 * type, pim, hash and callbacks count, of `create` kdf_memory, kdf_passes, label, slot_name and withhold_time.
 * Errors: as coffer_volume_open; UNSUPPORTED: another cipher than AES in XTS, a hidden volume, a system, another
 * layout; INVALID: it is one of ours, or (sys = EEXIST) the file of the backup is something else. */
COFFER_API enum coffer_status coffer_adopt(const char *path, const struct coffer_credential *credential,
                                           const struct coffer_credential *new_secret, const char *backup_path,
                                           const struct coffer_open_options *options,
                                           const struct coffer_create_options *create, struct coffer_error *error);

/* ---- The kernel's cipher -------------------------------------------------------------------------------- */

#define COFFER_LAYERS_MAX      3
#define COFFER_MAPPING_KEY_MAX 2080 /* bytes, of all layers */

/* What Linux's dm-crypt has to be told, besides the key, to show the same cleartext. */
struct coffer_mapping {
    size_t size; /* sizeof(struct coffer_mapping), set by the caller */
    /* Ciphers that lie over each other take a mapping each: the first one over the backing store, the next over
     * the one before, from its start. All have the same size, IVs and sectors. */
    unsigned layers;
    struct {
        char cipher[64];   /* "aes-xts-plain64" */
        uint32_t key_size; /* bytes */
    } layer[COFFER_LAYERS_MAX];
    uint64_t data_offset;  /* bytes from the start of the backing store; a multiple of 512 */
    uint64_t data_size;    /* bytes */
    uint64_t iv_offset;    /* added to the number of each 512-byte unit from the start of the data */
    uint32_t sector_size;  /* bytes */
    bool iv_large_sectors; /* the IV counts sectors, not units of 512 bytes */
    bool thin;             /* holes would read as noise: it must not be mapped as it is */
};

/* *mapping; and the layers' keys one after the other in `key` (COFFER_MAPPING_KEY_MAX), which may be NULL. Errors:
 * UNSUPPORTED (the kernel has no such cipher; it takes more than one piece of the backing store; a hidden volume is
 * being protected, which the kernel could not do). */
COFFER_API enum coffer_status coffer_volume_mapping(const struct coffer_volume *volume,
                                                    struct coffer_mapping *mapping, struct coffer_secret *key,
                                                    struct coffer_error *error);

/* Before the kernel maps what the volume lies in: flushes it, and lets go of a device as far as the kernel is
 * concerned; other openings still find it in use. *fd, to be closed, shares the lock: it lasts for as long as that
 * descriptor is open, or a loop device that was made with it, whatever becomes of the volume. Nothing may be
 * written through the volume then. Errors: IN_USE (somebody was faster), UNSUPPORTED, FAILED. */
COFFER_API enum coffer_status coffer_volume_lend(struct coffer_volume *volume, int *fd,
                                                 struct coffer_error *error);

/* Once the kernel has the key: wipes it here. The volume can still be asked what it is, flushed and closed, and keeps
 * its lock; everything else about its cleartext fails. */
COFFER_API void coffer_volume_forget_key(struct coffer_volume *volume);

/* After a lend that led to nothing, once its descriptor is closed: as it was before. Errors: IN_USE, FAILED. */
COFFER_API enum coffer_status coffer_volume_take_back(struct coffer_volume *volume, struct coffer_error *error);

/* Writes a LUKS2 header over the volume's data into a new file (0600), which stands beside the volume and changes
 * nothing in it: cryptsetup opens the data with both. Its only secret is that of `credential`, a passphrase or one
 * key file; the key derivation costs what the volume's does. Errors: UNSUPPORTED (as above; thin; more than one
 * layer; less than 284 KiB in front of the data), INVALID (another kind of secret), NO_MEMORY, FAILED (sys =
 * EEXIST). */
COFFER_API enum coffer_status coffer_volume_export_luks2(const struct coffer_volume *volume, const char *path,
                                                         const struct coffer_credential *credential,
                                                         struct coffer_error *error);

/* ---- Key slots ------------------------------------------------------------------------------------------ */

/* An unlocked header, kept from changes by others until it is closed. The volume may be mounted meanwhile. */
struct coffer_header;

enum coffer_key_kind {
    COFFER_KEY_EMPTY = 0,
    COFFER_KEY_PASSPHRASE = 1,
    COFFER_KEY_FACTORS = 2, /* key files, with or without a passphrase */
    COFFER_KEY_RECOVERY = 3,
    COFFER_KEY_RAW = 4,
};

struct coffer_key {
    enum coffer_key_kind kind;
    bool opened_it;   /* the slot that the given secret opened */
    uint64_t created; /* Unix time, s; 0 = withheld */
    char name[41];    /* hostile text: escape before printing */
};

/* Of the options type, read_only, kdf_level and callbacks count. Read-write it heals, as opening a volume does.
 * Errors: as coffer_volume_open. */
COFFER_API enum coffer_status coffer_header_open(const char *path, const struct coffer_credential *credential,
                                                 const struct coffer_open_options *options,
                                                 struct coffer_header **header, struct coffer_error *error);
COFFER_API void coffer_header_close(struct coffer_header *header);

COFFER_API void coffer_header_keys(const struct coffer_header *header, struct coffer_key keys[COFFER_SLOTS]);

/* Puts a new secret into the first empty slot and verifies it by reading the medium again. name: up to 40 bytes,
 * NULL = none. Errors: INVALID (it opens a slot already; 15 slots are full), NO_MEMORY, FAILED. */
COFFER_API enum coffer_status coffer_header_add_key(struct coffer_header *header,
                                                    const struct coffer_credential *secret, const char *name,
                                                    unsigned *slot, struct coffer_error *error);

/* Replaces the secret that opened the header: adds the new one, verifies it, removes the old. Errors: as above. */
COFFER_API enum coffer_status coffer_header_change_key(struct coffer_header *header,
                                                       const struct coffer_credential *secret, unsigned *slot,
                                                       struct coffer_error *error);

/* Removes a slot from both copies. last: even when it is the only one, after which nothing opens the volume.
 * Errors: INVALID (empty, no such slot, the last one), FAILED. */
COFFER_API enum coffer_status coffer_header_remove_key(struct coffer_header *header, unsigned slot, bool last,
                                                       struct coffer_error *error);

/* ---- Growing -------------------------------------------------------------------------------------------- */

/* Makes the container `size` bytes large (a multiple of 4096, at least 128 KiB more than it is; 0: as large as its
 * file or device is now), and the data area with it; what is in the data area stays. The volume must not be open.
 * Of the options kdf_level and callbacks count. Errors: as coffer_volume_open; INVALID: smaller, or a hidden volume. A
 * growth that is cut short is finished by the next opening for writing. */
COFFER_API enum coffer_status coffer_volume_grow(const char *path, const struct coffer_credential *credential,
                                                 const struct coffer_open_options *options, uint64_t size,
                                                 struct coffer_error *error);

/* ---- Header: check, backup, restore --------------------------------------------------------------------- */

enum coffer_finding {
    COFFER_FINDING_GOOD,
    COFFER_FINDING_NOTE,     /* worth knowing, nothing is lost */
    COFFER_FINDING_DAMAGE,   /* something is not what it was */
    COFFER_FINDING_REPAIRED, /* it was damaged */
};

/* One line, as a notice. */
typedef void coffer_finding_fn(void *user, enum coffer_finding finding, const char *text);

struct coffer_check_result {
    bool damaged;       /* something is damaged still */
    const char *format; /* "coffer", "luks" ...; static */
};

/* Looks at both header copies, and with a secret (credential may be NULL) at what is sealed in them; read_only
 * false: repairs what the secret allows. Of other formats it verifies what they have: LUKS2 the checksums of both
 * headers, LUKS1 its fields, both their key material; BitLocker the three copies of its metadata; FileVault its
 * two headers, its labels and what they name; QCOW its tables; VeraCrypt and TrueCrypt, whose secret is needed,
 * the header and its backup. Those are never repaired. Errors: only what kept it from looking: NOT_FOUND,
 * WRONG_SECRET, NO_MEMORY ... */
COFFER_API enum coffer_status coffer_check(const char *path, const struct coffer_credential *credential,
                                           const struct coffer_open_options *options, coffer_finding_fn *report,
                                           void *user, struct coffer_check_result *result,
                                           struct coffer_error *error);

#define COFFER_HEADER_BACKUP_SIZE (128u << 10) /* bytes */

/* Copies both ends of a volume, hidden header and all, into a new file (0600). Of the options kdf_level and
 * callbacks count. An unmarked volume needs the secret, for a marked one credential may be NULL. Errors: as
 * coffer_volume_open, and FAILED with sys = EEXIST. */
COFFER_API enum coffer_status coffer_header_backup(const char *path, const char *backup_path,
                                                   const struct coffer_credential *credential,
                                                   const struct coffer_open_options *options,
                                                   struct coffer_error *error);

#define COFFER_ADOPT_BACKUP_SIZE (256u << 10) /* bytes: what coffer_adopt keeps */

/* Puts a backup that the secret opens back, to today's size of the store. Every secret of that time opens the
 * volume again. Of one that coffer_adopt has written the options pim and hash count too, and what was adopted is again
 * what it was. The volume must not be mounted. Errors: as coffer_volume_open; WRONG_SECRET: the backup does not
 * open; INVALID: it is no backup, or the data does not fit into the store. */
COFFER_API enum coffer_status coffer_header_restore(const char *path, const char *backup_path,
                                                    const struct coffer_credential *credential,
                                                    const struct coffer_open_options *options,
                                                    struct coffer_error *error);

/* ---- Speed ---------------------------------------------------------------------------------------------- */

struct coffer_bench_cipher {
    const char *name; /* static */
    uint32_t sector_size;
    uint64_t encrypt, decrypt; /* bytes a second, by one thread */
};

struct coffer_bench_kdf {
    const char *name;        /* static */
    uint32_t memory, passes; /* KiB; of Argon2id */
    uint32_t iterations;     /* of PBKDF2, one block of output; else 0 */
    uint64_t nanoseconds;    /* that it took */
};

/* Measures cipher number 0, 1 ... for so long in each direction. Errors: NOT_FOUND after the last, NO_MEMORY. */
COFFER_API enum coffer_status coffer_bench_cipher(unsigned number, unsigned milliseconds,
                                                  struct coffer_bench_cipher *result, struct coffer_error *error);

/* Runs key derivation number 0, 1 ... once. Errors: NOT_FOUND after the last, NO_MEMORY. */
COFFER_API enum coffer_status coffer_bench_kdf(unsigned number, struct coffer_bench_kdf *result,
                                               struct coffer_error *error);

#ifdef __cplusplus
}
#endif

#endif
