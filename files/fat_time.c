/* SPDX-License-Identifier: ISC */
/*
 * fat_time.c - times as FAT keeps them: the local time of whoever wrote them, from 1980 to 2107, in steps of two
 * seconds. "Local" is this machine's time zone with its daylight saving time of that date, as with Windows, macOS
 * and mtools; Linux's own driver calls it tz and takes today's offset for all dates, so that an hour may lie
 * between the two; exFAT keeps UTC, or the zone beside the time, and hundredths. What lies outside those years
 * becomes the first or the last of them.
 */
#include "fat.h"

#define FIRST_YEAR 80 /* since 1900 */
#define LAST_YEAR  207

static struct fat_stamp earliest(uint8_t zone)
{
    return (struct fat_stamp){ .date = 1 << 5 | 1, .zone = zone };
}

static struct fat_stamp latest(uint8_t zone)
{
    return (struct fat_stamp){
        .date = 127 << 9 | 12 << 5 | 31, .time = 23 << 11 | 59 << 5 | 29, .hundredths = 199, .zone = zone
    };
}

static struct fat_stamp stamp_of(const struct fat *fat, struct timespec time)
{
    struct tm parts;
    bool utc = fat->codec->fine;
    uint8_t zone = utc ? FAT_ZONE : 0;
    if ((utc ? gmtime_r : localtime_r)(&time.tv_sec, &parts) == NULL || parts.tm_year > LAST_YEAR) {
        return time.tv_sec < 0 ? earliest(zone) : latest(zone);
    }
    if (parts.tm_year < FIRST_YEAR) {
        return earliest(zone);
    }
    int second = parts.tm_sec < 60 ? parts.tm_sec : 59;
    return (struct fat_stamp){
        .date = (uint16_t)((parts.tm_year - FIRST_YEAR) << 9 | (parts.tm_mon + 1) << 5 | parts.tm_mday),
        .time = (uint16_t)(parts.tm_hour << 11 | parts.tm_min << 5 | second / 2),
        .hundredths = (uint8_t)(second % 2 * 100 + time.tv_nsec / 10000000),
        .zone = zone,
    };
}

struct fat_stamp fat_stamp_made(const struct fat *fat, struct timespec time)
{
    return stamp_of(fat, time);
}

struct fat_stamp fat_stamp_changed(const struct fat *fat, struct timespec time)
{
    struct fat_stamp stamp = stamp_of(fat, time);
    stamp.hundredths = fat->codec->fine ? stamp.hundredths : 0;
    return stamp;
}

struct fat_stamp fat_stamp_read(const struct fat *fat, struct timespec time)
{
    struct fat_stamp stamp = stamp_of(fat, time);
    stamp.hundredths = 0;
    stamp.time = fat->codec->fine ? stamp.time : 0;
    return stamp;
}

/* Quarters of an hour, -64 to 63. */
static int zone_of(struct fat_stamp stamp)
{
    int quarters = stamp.zone & 0x7f;
    return quarters < 0x40 ? quarters : quarters - 0x80;
}

/* Whatever the medium says: mktime makes a date of it. */
struct timespec fat_stamp_time(struct fat_stamp stamp)
{
    if (stamp.date == 0) {
        stamp = earliest(stamp.zone); /* not kept */
    }
    struct tm parts = {
        .tm_year = FIRST_YEAR + (stamp.date >> 9),
        .tm_mon = (stamp.date >> 5 & 15) - 1,
        .tm_mday = stamp.date & 31,
        .tm_hour = stamp.time >> 11,
        .tm_min = stamp.time >> 5 & 63,
        .tm_sec = (stamp.time & 31) * 2 + stamp.hundredths / 100,
        .tm_isdst = -1,
    };
    bool known = (stamp.zone & FAT_ZONE) != 0;
    return (struct timespec){
        .tv_sec = known ? timegm(&parts) - zone_of(stamp) * (time_t)900 : mktime(&parts),
        .tv_nsec = stamp.hundredths % 100 * 10000000L,
    };
}
