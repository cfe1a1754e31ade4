/* SPDX-License-Identifier: ISC */
/*
 * device_open.h - opening block devices that the user may not open: udisks2 opens them, where polkit lets it, which may
 * ask for an administrator's password.
 */
#ifndef DEVICE_OPEN_H
#define DEVICE_OPEN_H

/* A coffer_open_device_fn. Once it was refused nobody is asked again. */
int device_open_by_udisks(const char *path, int flags);

/* As open(2), and for block devices also as above. -1 with errno. */
int device_open(const char *path, int flags);

/* What to do about EACCES: the ways to open a device; NULL when `path` is not one. */
const char *device_open_hint(const char *path);

#endif
