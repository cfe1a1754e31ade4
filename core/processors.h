/* SPDX-License-Identifier: ISC */
/* processors.h - how many threads can run at once. */
#ifndef CORE_PROCESSORS_H
#define CORE_PROCESSORS_H

/* From 1 to `most`; 1 where it is not known. */
unsigned processors_up_to(unsigned most);

#endif
