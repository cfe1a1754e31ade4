#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The lint of the layers is shown a tree in which every rule is broken once, each in a file of its own: it must
# name all of them, and nothing in the files that only look like it.

set -euo pipefail
lint=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/includes.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{include,crypto,core,fuse,files,dm,cli,tests/unit}
for header in include/coffer crypto/crypto core/bytes core/header core/storage core/error fuse/serve files/files \
    dm/map cli/ui; do
    : >"$tree/$header.h"
done
expected=()

bad() { # FILE LINE FINDING
    printf '/* planted */\n%s\n' "$2" >"$tree/$1"
    expected+=("$1$3")
}

good() { # FILE: its text on stdin
    cat >"$tree/$1"
}

bad crypto/a.c '#include "coffer.h"' ': must not include "coffer.h" (include/coffer.h)'
bad crypto/b.c '#include <stdio.h>' ': must not include <stdio.h>'
bad crypto/c.c '#include <fcntl.h>' ': must not include <fcntl.h>'
bad crypto/d.c 'int f(void) { return open("x", 0); }' ':2: must not use open'
bad crypto/e.c 'void f(void) { exit(1); }' ':2: must not use exit'
bad core/a.c '#include <sodium.h>' ': must not include <sodium.h>'
bad core/b.c '#include <gcrypt.h>' ': must not include <gcrypt.h>'
bad core/c.c '#include "serve.h"' ': must not include "serve.h" (fuse/serve.h)'
bad core/d.c '#include <fuse_lowlevel.h>' ': must not include <fuse_lowlevel.h>'
bad core/e.c '#include "../cli/ui.h"' ': must not include "../cli/ui.h" (cli/ui.h)'
bad core/f.c '#include <libcryptsetup.h>' ': must not include <libcryptsetup.h>'
bad core/g.c '#include <openssl/evp.h>' ': must not include <openssl/evp.h>'
bad core/h.c 'void f(void) { fprintf (x, "no"); }' ':2: must not use fprintf'
bad core/i.c 'void *f(void) { return stderr; }' ':2: must not use stderr'
bad core/j.c 'char *f(void) { return getenv("HOME"); }' ':2: must not use getenv'
bad core/k.c 'void f(void) { abort(); }' ':2: must not use abort'
bad core/l.c 'void f(void) { sigaction(2, 0, 0); }' ':2: must not use sigaction'
bad core/m.c 'void f(void) { if (x) { _exit(3); } }' ':2: must not use _exit'
bad core/n.c 'int f(void) { return fork(); }' ':2: must not use fork'
bad core/o.c '#include "bytes.c"' ': includes a source file, bytes.c'
bad core/p.c '  #  include <stdio.h>
void f(void) { puts("x"); }' ':3: must not use puts'
bad core/header.c '#include <unistd.h>' ': must not include <unistd.h>'
bad core/slot.c 'void f(void) { pwrite(1, 0, 0, 0); }' ':2: must not use pwrite'
bad core/bytes.c '#include "crypto.h"' ': must not include "crypto.h" (crypto/crypto.h)'
bad core/storage_file.c '#include "crypto.h"' ': must not include "crypto.h" (crypto/crypto.h)'
bad files/a.c '#include "crypto.h"' ': must not include "crypto.h" (crypto/crypto.h)'
bad files/b.c '#include "storage.h"' ': must not include "storage.h" (core/storage.h)'
bad files/c.c '#include <fuse.h>' ': must not include <fuse.h>'
bad fuse/a.c '#include "header.h"' ': must not include "header.h" (core/header.h)'
bad fuse/b.c '#include "crypto.h"' ': must not include "crypto.h" (crypto/crypto.h)'
bad fuse/c.c '#include "ui.h"' ': must not include "ui.h" (cli/ui.h)'
bad fuse/d.c 'void f(void) { printf("x"); }' ':2: must not use printf'
bad dm/a.c '#include "error.h"' ': must not include "error.h" (core/error.h)'
bad dm/b.c '#include <sodium.h>' ': must not include <sodium.h>'
bad cli/a.c '#include "storage.h"' ': must not include "storage.h" (core/storage.h)'
bad cli/b.c '#include "crypto.h"' ': must not include "crypto.h" (crypto/crypto.h)'
bad cli/c.c '#include <sodium.h>' ': must not include <sodium.h>'
bad cli/d.c 'int f(void) { return system("mkfs"); }' ':2: must not use system'
bad include/b.h '#include <stdio.h>' ': must not include <stdio.h>'
bad tests/unit/a.c '#include "../../core/header.c"' \
    ': includes a source file, ../../core/header.c'

good core/clean.c <<'C'
/* prints nothing: printf("no"), and exit(1) is a comment
 * #include <sodium.h> too */
#include <stdio.h>
#include <string.h>
#include "coffer.h"
#include "crypto.h"
#include "storage.h"
const char *text = "call exit(1) \" or printf(\"x\")"; // abort()
char quote = '"', other = '\'';
int f(struct storage *s, char *out) { s->exit(1); s->ops.kill (2); my_exit(1); return snprintf(out, 1, "x"); }
enum { ABORT_ON = 1, signal_count };
C
good core/luks2_json.c <<<'#include <json-c/json.h>'
good crypto/memory.c <<<'#include <sys/mman.h>'
good cli/clean.c <<'C'
#include <blkid/blkid.h>
#include <json-c/json.h>
#include <stdio.h>
#include "coffer.h"
#include "map.h"
#include "serve.h"
#include "ui.h"
int main(void) { printf("%s", getenv("HOME")); exit(0); }
C

output=$(bash "$lint" "$tree") && { echo 'the lint found nothing in a bad tree'; exit 1; }
status=0
for line in "${expected[@]}"; do
    grep -qxF -- "$line" <<<"$output" || { echo "not found: $line"; status=1; }
done
while read -r line; do
    printf '%s\n' "${expected[@]}" "${#expected[@]} findings" | grep -qxF -- "$line" ||
        { echo "found, but it is not planted: $line"; status=1; }
done <<<"$output"

for file in "${expected[@]}"; do
    rm -f "$tree/${file%%:*}"
done
bash "$lint" "$tree" >/dev/null || { echo 'the lint does not pass a clean tree'; status=1; }
echo "${#expected[@]} planted violations"
exit "$status"
