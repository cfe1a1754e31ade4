/* SPDX-License-Identifier: ISC */
/* advice.h - whether a new passphrase looks easy to guess. Advice, never a refusal. */
#ifndef ADVICE_H
#define ADVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* About how many guesses, as a power of two, somebody needs who tries common words, years, keyboard runs and
 * repetitions first. Rough, and too high rather than too low for words of a language. Makes no copy. Pure. */
unsigned advice_estimate(const uint8_t *passphrase, size_t size);

bool advice_is_weak(const uint8_t *passphrase, size_t size);

#endif
