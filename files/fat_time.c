/* SPDX-License-Identifier: ISC */
/*
 * fat_time.c - times as FAT keeps them: the local time of whoever wrote them, from 1980 to 2107, in steps of two
 * seconds. "Local" is this machine's time zone with its daylight saving time of that date, as with Windows, macOS and
 * mtools; Linux's own driver calls it tz and takes today's offset for all dates, so that an hour may lie between the
 * two. What lies outside those years becomes the first or the last of them.
 */
#include "fat.h"

#define FIRST_YEAR 80 /* since 1900 */
#define LAST_YEAR  207

static const struct fat_stamp earliest = { .date = 1 << 5 | 1 };
static const struct fat_stamp latest = { .date = 127 << 9 | 12 << 5 | 31,
                                         .time = 23 << 11 | 59 << 5 | 29,
                                         .hundredths = 199 };

struct fat_stamp fat_stamp_of(struct timespec time)
{
    struct tm local;
    if (localtime_r(&time.tv_sec, &local) == NULL || local.tm_year > LAST_YEAR) {
        return time.tv_sec < 0 ? earliest : latest;
    }
    if (local.tm_year < FIRST_YEAR) {
        return earliest;
    }
    int second = local.tm_sec < 60 ? local.tm_sec : 59;
    return (struct fat_stamp){
        .date = (uint16_t)((local.tm_year - FIRST_YEAR) << 9 | (local.tm_mon + 1) << 5 | local.tm_mday),
        .time = (uint16_t)(local.tm_hour << 11 | local.tm_min << 5 | second / 2),
        .hundredths = (uint8_t)(second % 2 * 100 + time.tv_nsec / 10000000),
    };
}

/* Whatever the medium says: mktime makes a date of it. */
struct timespec fat_stamp_time(struct fat_stamp stamp)
{
    if (stamp.date == 0) {
        stamp = earliest; /* not kept */
    }
    struct tm local = {
        .tm_year = FIRST_YEAR + (stamp.date >> 9),
        .tm_mon = (stamp.date >> 5 & 15) - 1,
        .tm_mday = stamp.date & 31,
        .tm_hour = stamp.time >> 11,
        .tm_min = stamp.time >> 5 & 63,
        .tm_sec = (stamp.time & 31) * 2 + stamp.hundredths / 100,
        .tm_isdst = -1,
    };
    return (struct timespec){ .tv_sec = mktime(&local), .tv_nsec = stamp.hundredths % 100 * 10000000L };
}
