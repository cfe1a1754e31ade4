#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Who may include whom, and call what: the table in HACKING.md. A header that is not named here is a finding:
# whoever brings a library or a system facility in decides here which folder it belongs to.

# shellcheck source=tests/lint/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# ---- headers -----------------------------------------------------------------------------------------------

# The C library without anything that does input or output.
plain='assert|ctype|endian|errno|inttypes|limits|locale|math|stdalign|stdarg|stdatomic|stdbool|stddef|stdint'
plain+='|stdlib|stdnoreturn|string|strings|time|wchar|wctype|sys/param|sys/types'
# The C library and the kernel with it.
system="$plain|dirent|dlfcn|err|fcntl|fnmatch|getopt|grp|langinfo|libgen|mntent|paths|poll|pthread|pwd|sched"
system+='|semaphore|signal|spawn|stdio|syscall|syslog|termios|threads|unistd|sys/[a-z0-9_]+|linux/[a-z0-9_/-]+'

# allowed_system FILE: a pattern of what FILE may include with <>, without the .h.
allowed_system() {
    case $1 in
    crypto/memory.c | crypto/pool.c) echo "$plain|sodium|gcrypt|pthread|unistd|sys/mman|sys/resource" ;;
    crypto/random.c) echo "$plain|sodium|gcrypt|unistd|sys/random" ;; # getentropy
    crypto/argon2.c) echo "$plain|gcrypt|pthread" ;;                   # a thread for each lane
    crypto/init.c) echo "$plain|sodium|gcrypt|pthread|stdio" ;;       # snprintf
    crypto/*) echo "$plain|sodium|gcrypt" ;;
    core/bytes.* | core/header.* | core/slot.*) echo "$plain" ;;
    core/luks2_json.c) echo "$plain|stdio|json-c/json" ;; # a LUKS2 header is JSON; stdio: snprintf
    core/*) echo "$system" ;;
    files/*) echo "$system|ext2fs/[a-z0-9_]+|et/com_err|ntfs-3g/[a-z0-9_]+" ;;
    fuse/*) echo "$system|fuse_lowlevel|fuse_opt|fuse_log|fuse_common|fuse" ;;
    dm/*) echo "$system|libdevmapper" ;;
    udisks/*) echo "$system|systemd/sd-bus" ;;
    cli/*) echo "$system|blkid/blkid|json-c/[a-z_]+|json" ;;
    include/*) echo 'stdbool|stddef|stdint' ;;
    *) echo '.*' ;;
    esac
}

# allowed_own FILE: a pattern of our headers, by folder and name, that FILE may include with "".
allowed_own() {
    case $1 in
    core/storage_*) echo 'include/coffer\.h|core/.*' ;; # files and devices, no cryptography
    core/bytes.*) echo 'include/coffer\.h|core/(bytes|error)\.h' ;;
    crypto/*) echo 'crypto/.*' ;;
    core/*) echo 'include/coffer\.h|crypto/crypto\.h|core/.*' ;;
    files/*) echo 'include/coffer\.h|files/.*' ;;
    fuse/*) echo 'include/coffer\.h|files/files\.h|fuse/.*' ;;
    dm/*) echo 'include/coffer\.h|dm/.*' ;;
    udisks/*) echo 'include/coffer\.h|udisks/.*' ;;
    cli/*) echo 'include/coffer\.h|files/files\.h|fuse/serve\.h|dm/map\.h|udisks/udisks\.h|cli/.*' ;;
    include/*) echo 'include/.*' ;;
    *) echo '.*' ;;
    esac
}

# Where a header named in "" by FILE is: in its own folder, else wherever the project has that name.
locate() {
    local name=$2 found
    if [ -e "$tree/${1%/*}/$name" ]; then
        realpath -m --relative-to "$tree" "$tree/${1%/*}/$name"
        return
    fi
    found=$(printf '%s\n' "${headers[@]}" | grep -E "(^|/)${name//./\\.}\$" | head -n 1 || true)
    echo "${found:-$name}"
}

check_includes() {
    local file=$1 kind name place
    while read -r kind name; do
        if [ "$kind" = '<' ]; then
            [[ ${name%.h} =~ ^($(allowed_system "$file"))$ ]] || finding "$file" "must not include <$name>"
            continue
        fi
        place=$(locate "$file" "$name")
        case $name in *.c) finding "$file" "includes a source file, $name" ;; esac
        [[ $place =~ ^($(allowed_own "$file"))$ ]] || finding "$file" "must not include \"$name\" ($place)"
    done < <(sed -n 's/^ *# *include *\([<"]\)\([^>"]*\)[>"].*/\1 \2/p' "$bare")
}

# ---- calls -------------------------------------------------------------------------------------------------

output='stdin|stdout|stderr|v?printf|v?fprintf|v?dprintf|puts|fputs|putchar|perror|v?syslog|v?warnx?|v?errx?|error_at_line'
ending='exit|_exit|_Exit|quick_exit|atexit|on_exit'
environment='(secure_)?getenv|setenv|putenv|unsetenv|clearenv|environ'
signals='signal|sigaction|sigprocmask|pthread_sigmask|raise|kill|alarm|setitimer'
processes='fork|vfork|clone|system|popen|exec[lv]p?e?|posix_spawnp?'
input_output='open|openat|creat|close|p?readv?|p?writev?|lseek|f?truncate|fsync|fdatasync|ioctl|mmap|fopen|fdopen|fread|fwrite|fclose|f?stat|unlink|rename|fallocate|socket'

# forbidden_calls FILE: a pattern of what must not appear in FILE, as a word.
forbidden_calls() {
    local common="$output|$ending|$environment|$signals|$processes"
    case $1 in
    crypto/memory.c | crypto/pool.c) echo "$common|open|fopen|socket" ;; # mmap and madvise are their job
    crypto/*) echo "$common|$input_output" ;;
    core/bytes.* | core/header.* | core/slot.*) echo "$common|abort|$input_output" ;;
    core/secret.c) echo "$common" ;;                            # aborts on a size beyond its capacity
    core/* | files/* | dm/* | udisks/*) echo "$common|abort" ;;
    fuse/*) echo "$output|$ending|abort|$environment" ;;
    cli/*) echo 'system|popen|execvpe?|execlp|posix_spawnp' ;;  # programs are run by absolute path
    *) echo '' ;;
    esac
}

check_calls() {
    local file=$1 pattern number word
    pattern=$(forbidden_calls "$file")
    [ -n "$pattern" ] || return 0
    # A word that follows a dot or an arrow is a member, as in storage->read.
    while IFS=: read -r number word; do
        word=$(grep -oE "($pattern)" <<<"$word" | head -n 1)
        finding "$file:$number" "must not use $word"
    done < <(sed -E 's/(->|\.)[[:space:]]*[A-Za-z_][A-Za-z0-9_]*/ /g' "$bare" |
        grep -noE "(^|[^A-Za-z0-9_#])($pattern)([[:space:]]*\(|[^A-Za-z0-9_(]|\$)" |
        grep -E "std(in|out|err)|environ|\(" || true)
}

mapfile -t headers < <(project_files '*.h')
mapfile -t sources < <(project_files '*.c' '*.h')
bare=$(mktemp)
trap 'rm -f "$bare"' EXIT
for file in "${sources[@]}"; do
    bare_c "$tree/$file" >"$bare"
    check_includes "$file"
    check_calls "$file"
done
finish "${#sources[@]} files keep to the table"
