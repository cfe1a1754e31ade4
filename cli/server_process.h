/* SPDX-License-Identifier: ISC */
/* server_process.h - what a process that lives as long as a mount owes to its user and to the machine. */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

/* Before the first secret: as much lockable memory as the system allows, and as unlikely as it permits to be killed
 * when memory runs out or to wait for its own writes. Nothing of it is certain; none of it can fail the mount. */
void server_process_prepare(void);

/* Remembers which descriptors this process was started with, besides 0, 1 and 2 ... */
void server_process_note_inherited(void);

/* ... and closes them: a pipe kept open for years would make its reader wait for years. Not before the secrets
 * are read, which may come from one. A number that has come to mean another file since is left alone. */
void server_process_close_inherited(void);

#endif
