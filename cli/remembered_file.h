/* SPDX-License-Identifier: ISC */
/* remembered_file.h - the file of what is remembered: "coffer/remembered" in the user's directory for state. */
#ifndef REMEMBERED_FILE_H
#define REMEMBERED_FILE_H

#include <stdbool.h>

#include "remembered_list.h"

/* Empty where there is none, or none that is the user's own. */
void remembered_file_read(struct remembered_list *list);

/* Replaces it as a whole. False with errno. */
bool remembered_file_write(const struct remembered_list *list);

#endif
