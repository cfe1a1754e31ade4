/* SPDX-License-Identifier: ISC */
/* processors.c - the processors that are there. */
#include "processors.h"

#include <unistd.h>

unsigned processors_up_to(unsigned most)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > most ? most : (unsigned)processors;
}
