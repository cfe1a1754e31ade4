/* SPDX-License-Identifier: ISC */
/* helper_header.c - see helper_header.h. */
#include "helper_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_volume.h"
#include "scope.h"

static void open_header(const struct coffer_credential *key, struct storage **storage, struct copies *copies)
{
    assert_int_equal(storage_open(helper_path, -1, false, STORAGE_UNLOCKED, NULL, storage, NULL), COFFER_OK);
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(*storage);
    assert_non_null(image);
    assert_int_equal(unlock_header(image, key, 0, 0, copies, NULL), COFFER_OK);
}

void helper_edit_header(const struct coffer_credential *key, helper_edit_fn *edit, void *user)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    open_header(key, &storage, copies);
    edit(copies, user);
    assert_int_equal(copies_write_block(copies, HEADER_FRONT), 0);
    assert_int_equal(copies_write_block(copies, HEADER_TAIL), 0);
}

void helper_read_body(const struct coffer_credential *key, struct header_body *body)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    open_header(key, &storage, copies);
    *body = copies->body;
}
