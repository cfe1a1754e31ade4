# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2154
#
# powercut_keys.sh - secrets come and go in a volume, thin and thick in turn. Step N: the command of step N has
# returned. The secret that stays must open the volume, so must those that had been added, and none that had been
# removed may. A step that was under way may be there or not; so may the one after it, as far as it was not flushed,
# for no flush has come between its writes and the note of the step before. The repair of the header changes nothing of that.

make() { # CUT
    local kind=(--thin --thick)
    rm -f content
    coffer create content --size $((size * 512)) "${kind[$1 % 2]}" "${cheap[@]}" "${secret[@]}" 2>/dev/null
}

# Step N, as '+SECRET' and '-SECRET': one is added, changed into another, and what was there before that goes.
changes() { # N
    local round=$((($1 - 1) / 3))
    case $((($1 - 1) % 3)) in
    0) echo "+a$round" ;;
    1) echo "-a$round +b$round" ;;
    2) [ "$round" -eq 0 ] || echo "-b$((round - 1))" ;;
    esac
}

slot_of() { # SECRET
    echo "$1" >tried
    coffer key list /dev/vda1 --passphrase-file tried | sed -n 's/^\([0-9]*\) .* yes *$/\1/p'
}

step() { # N
    local change
    read -ra change < <(changes "$1") || :
    [ "${#change[@]}" -gt 0 ] || return 0
    echo "${change[0]#?}" >old
    echo "${change[-1]#?}" >new
    case ${change[*]} in
    -*+*) coffer key change /dev/vda1 --passphrase-file old --new-passphrase-file new --quiet ;;
    +*) coffer key add /dev/vda1 "${secret[@]}" --new-passphrase-file new --quiet ;;
    -*) coffer key remove /dev/vda1 "${secret[@]}" --slot "$(slot_of "${change[0]#?}")" --quiet ;;
    esac
}

work() { # CUT
    local n=0
    echo @working
    while :; do
        n=$((n + 1))
        step "$n" 2>said || { cat said; echo "step $n fails"; return 1; }
        note "$n"
    done
}

opens() { # SECRET
    echo "$1" >tried
    coffer info content --passphrase-file tried >/dev/null 2>&1
}

check_secrets() { # NAME=yes|no|either...
    local one
    for one; do
        case $one in
        *=yes) opens "${one%=*}" || { echo "${one%=*} was added, and does not open"; return 1; } ;;
        *=no) ! opens "${one%=*}" || { echo "${one%=*} was removed, and opens"; return 1; } ;;
        esac
    done
}

check() { # CUT
    local n change
    local -A wanted=()
    for ((n = 1; n <= kept + 2; n++)); do
        for change in $(changes "$n"); do
            if [ "$n" -gt "$kept" ]; then
                wanted[${change#?}]=either
            elif [[ $change = +* ]]; then
                wanted[${change#?}]=yes
            else
                wanted[${change#?}]=no
            fi
        done
    done
    local secrets=()
    for change in "${!wanted[@]}"; do secrets+=("$change=${wanted[$change]}"); done
    check_secrets "${secrets[@]}" || return
    coffer check content "${secret[@]}" --repair >said 2>&1 || :
    grep -q '^good *sealed part: opens' said || { cat said; return 1; }
    check_secrets "${secrets[@]}" || return
    coffer mount --block content m "${secret[@]}" || return
    check_ext4 m/volume || return
    coffer unmount m
}
