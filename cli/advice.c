/* SPDX-License-Identifier: ISC */
/*
 * advice.c - a rough measure of passphrases (advice.h), in tenths of a bit. From left to right, the longest piece that
 * a guesser would try as one counts as one; what is left counts letter by letter, less where it reads like a word.
 *
 * A library could do this better, but those that exist leave copies of the passphrase in their own memory (libpwquality
 * through cracklib, on the stack): here it is only read where it lies.
 */
#include "advice.h"

#include <ctype.h>
#include <string.h>

#define WEAK         45u /* bits; with the default cost, decades of one guesser */
#define PIECE_LEAST  3   /* characters of a run, a row of keys or a repetition */
#define COST_WORD    90u
#define COST_VARIED  20u /* capitals, digits for letters */
#define COST_PIECE   70u
#define COST_GROWTH  5u /* per character of a piece */
#define COST_YEAR    70u
#define COST_DIGIT   33u
#define COST_LETTER  47u
#define COST_READS   20u /* a letter that follows another as in a word */
#define COST_JARS    35u
#define COST_CAPITAL 10u
#define COST_BLANK   10u
#define COST_OTHER   50u
#define COST_FOREIGN 30u /* a byte of UTF-8 beyond ASCII */

/* What lists of stolen passwords are full of, in plain letters. */
static const char *const words[] = {
    "password",  "passwort",  "passphrase", "geheim",   "secret",   "letmein",  "welcome",  "admin",
    "login",     "dragon",    "monkey",     "master",   "shadow",   "sunshine", "princess", "football",
    "baseball",  "superman",  "batman",     "michael",  "jennifer", "jordan",   "hunter",   "ranger",
    "buster",    "tigger",    "charlie",    "robert",   "thomas",   "daniel",   "andrew",   "joshua",
    "jessica",   "ashley",    "nicole",     "michelle", "iloveyou", "loveme",   "lovely",   "hello",
    "hallo",     "whatever",  "freedom",    "trustno",  "starwars", "computer", "internet", "killer",
    "pepper",    "ginger",    "cookie",     "summer",   "winter",   "spring",   "autumn",   "sommer",
    "schatz",    "liebling",  "mustang",    "harley",   "ferrari",  "porsche",  "mercedes", "chelsea",
    "arsenal",   "liverpool", "yankees",    "dallas",   "austin",   "london",   "berlin",   "paris",
    "pokemon",   "naruto",    "matrix",     "phoenix",  "flower",   "orange",   "banana",   "chocolate",
    "cheese",    "purple",    "silver",     "golden",   "diamond",  "angel",    "lucky",    "happy",
    "money",     "love",      "test",       "pass",     "user",     "root",     "coffer",   "veracrypt",
    "truecrypt", "correct",   "horse",
};

static const char *const rows[] = { "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl",
                                    "zxcvbnm",    "yxcvbnm",    "1234567890" };

/* The letter that a character stands for, with capitals and the usual disguises taken away. */
static char plain(uint8_t byte)
{
    static const char disguised[] = "0134578@$!";
    static const char letters[] = "oleastbasi";
    const char *found = byte ? strchr(disguised, byte) : NULL;

    return found ? letters[found - disguised] : (char)tolower(byte);
}

static size_t match_word(const uint8_t *at, size_t left, bool *is_varied)
{
    size_t longest = 0;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t size = strlen(words[i]);
        size_t same = 0;
        bool varied = false;
        while (size <= left && same < size && plain(at[same]) == words[i][same]) {
            varied = varied || at[same] != (uint8_t)words[i][same];
            same++;
        }
        if (size <= left && same == size && size > longest) {
            longest = size;
            *is_varied = varied;
        }
    }
    return longest;
}

/* aaaa, abcd, 4321. */
static size_t match_run(const uint8_t *at, size_t left)
{
    size_t size = 1;

    if (left < 2 || at[1] - at[0] > 1 || at[1] - at[0] < -1) {
        return 0;
    }
    int step = at[1] - at[0];
    while (size < left && at[size] - at[size - 1] == step) {
        size++;
    }
    return size;
}

/* Along a row of the keyboard, in either direction. */
static size_t match_row(const uint8_t *at, size_t left)
{
    size_t longest = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *start = at[0] ? strchr(rows[i], tolower(at[0])) : NULL;
        for (int step = -1; start && step <= 1; step += 2) {
            size_t size = 1;
            for (const char *key = start + step; size < left && key >= rows[i] && *key == tolower(at[size]);
                 key += step) {
                size++;
            }
            longest = size > longest ? size : longest;
        }
    }
    return longest;
}

/* The same again as somewhere before. */
static size_t match_repetition(const uint8_t *text, size_t at, size_t size)
{
    size_t longest = 0;

    for (size_t from = 0; from < at; from++) {
        size_t same = 0;
        while (at + same < size && from + same < at && text[from + same] == text[at + same]) {
            same++;
        }
        longest = same > longest ? same : longest;
    }
    return longest;
}

static bool is_year(const uint8_t *at, size_t left)
{
    bool is_century = left >= 4 && ((at[0] == '1' && at[1] == '9') || (at[0] == '2' && at[1] == '0'));

    return is_century && isdigit(at[2]) && isdigit(at[3]);
}

static bool is_vowel(uint8_t byte)
{
    return strchr("aeiouy", tolower(byte)) != NULL;
}

static unsigned cost_of_letter(const uint8_t *text, size_t at)
{
    unsigned capital = isupper(text[at]) ? COST_CAPITAL : 0;
    bool follows = at > 0 && isalpha(text[at - 1]) && !isupper(text[at]) && !(at > 1 && isupper(text[at - 1]));

    if (!follows) {
        return COST_LETTER + capital;
    }
    return is_vowel(text[at]) != is_vowel(text[at - 1]) ? COST_READS : COST_JARS;
}

static unsigned cost_of_one(const uint8_t *text, size_t at)
{
    if (text[at] >= 0x80) {
        return COST_FOREIGN;
    }
    if (isdigit(text[at])) {
        return COST_DIGIT;
    }
    if (isalpha(text[at])) {
        return cost_of_letter(text, at);
    }
    return strchr(" -_.", text[at]) ? COST_BLANK : COST_OTHER;
}

/* What starts at `at` and would be tried as one: its size, 1 for none, and what it costs. */
static size_t take_piece(const uint8_t *text, size_t at, size_t size, unsigned *cost)
{
    bool is_varied = false;
    size_t word = match_word(text + at, size - at, &is_varied);
    size_t piece = match_run(text + at, size - at);
    size_t row = match_row(text + at, size - at);
    size_t repetition = match_repetition(text, at, size);

    piece = row > piece ? row : piece;
    piece = repetition > piece ? repetition : piece;
    if (word > 0 && word >= piece) {
        *cost = COST_WORD + (is_varied ? COST_VARIED : 0);
        return word;
    }
    if (piece >= PIECE_LEAST) {
        *cost = COST_PIECE + COST_GROWTH * (unsigned)piece;
        return piece;
    }
    if (is_year(text + at, size - at)) {
        *cost = COST_YEAR;
        return 4;
    }
    *cost = cost_of_one(text, at);
    return 1;
}

unsigned advice_estimate(const uint8_t *passphrase, size_t size)
{
    unsigned tenths = 0;

    for (size_t at = 0; at < size;) {
        unsigned cost;
        at += take_piece(passphrase, at, size, &cost);
        tenths += cost;
    }
    return tenths / 10;
}

bool advice_is_weak(const uint8_t *passphrase, size_t size)
{
    return advice_estimate(passphrase, size) < WEAK;
}
