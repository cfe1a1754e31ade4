/* SPDX-License-Identifier: ISC */
/* component.c - the libraries that drivers stand on, and what they make of the program's licence. */
#include "files.h"

const char *files_component(unsigned index)
{
    static const char *const components[] = {
#ifdef EXT2FS_VERSION
        "libext2fs " EXT2FS_VERSION,
#endif
#ifdef NTFS3G_VERSION
        "libntfs-3g " NTFS3G_VERSION,
#endif
        NULL,
    };
    return index < sizeof(components) / sizeof(components[0]) ? components[index] : NULL;
}

const char *files_licence(void)
{
#ifdef NTFS3G_VERSION
    return "ISC; with libntfs-3g, this program as a whole GPL-2.0-or-later";
#else
    return "ISC";
#endif
}
