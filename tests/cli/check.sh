#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer check`: what is damaged is found, in words and in the exit status; what one good copy allows is repaired, and a
# volume that is mounted next says so once: HEAL-1, HEAL-4, HEAL-5, HEAL-6, OPEN-16.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

check() { "$COFFER" check "$@"; }
with=(--passphrase-file "$secret")
printf 'second secret\n' >second
end=$((8 << 20)) tail=$((end - (128 << 10)))

make_volume good.coffer --label Urlaub
expect_status 0 "$COFFER" key add good.coffer "${with[@]}" --new-passphrase-file second

damage() { # FILE OFFSET [SIZE]: 16 bytes, if not told otherwise, are other ones now
    /usr/bin/python3 - "$1" "$2" "${3:-16}" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    old = file.read(int(sys.argv[3]))
    file.seek(int(sys.argv[2]))
    file.write(bytes(byte ^ 0x5a for byte in old))
PYTHON
}
damaged() { # OFFSET...: a.coffer, which is good but for these
    cp good.coffer a.coffer
    for offset; do damage a.coffer "$offset"; done
}
sum() { sha256sum <"$1"; }

# ---- a good one --------------------------------------------------------------------------------------------

before=$(sum good.coffer)
expect_status 0 check good.coffer
expect_output '^good +front header: '
expect_output '^good +tail header: '
expect_output '^note +.*needs a secret'
expect_no_error .
expect_status 0 check good.coffer "${with[@]}"
expect_output '^good +sealed part: '
expect_same 0 "$(grep -c '^note' stdout)" 'notes with a secret'
expect_status 0 check good.coffer "${with[@]}" --repair
expect_same 0 "$(grep -cE '^(damage|repaired)' stdout)" 'repairs of a good volume'
expect_status 0 check good.coffer --json
expect_json 'it["schema"] == "coffer.check/1"' 'it["volume"] == "good.coffer"' 'not it["damaged"] and not it["repaired"]' \
    'it["unlocked"] is False' '{f["finding"] for f in it["findings"]} == {"good", "note"}'
expect_status 0 check good.coffer --json "${with[@]}"
expect_json 'it["unlocked"] is True' '{f["finding"] for f in it["findings"]} == {"good"}'
expect_same "$before" "$(sum good.coffer)" 'a good volume that was checked'
in_terminal "see:Passphrase for 'good.coffer'" echo:off 'type:correct horse' 'see:sealed part' exit:0 \
    -- "$COFFER" check good.coffer --unlock

# ---- one copy ----------------------------------------------------------------------------------------------

expect_found() { # PATTERN OFFSET...: a line that says so, without a secret and with one
    damaged "${@:2}"
    before=$(sum a.coffer)
    expect_status 3 check a.coffer
    expect_output "^damage +$1"
    expect_error '^coffer: hint: .*--repair'
    expect_status 3 check a.coffer "${with[@]}"
    expect_output "^damage +$1"
    expect_same "$before" "$(sum a.coffer)" 'a damaged volume that was checked'
}
expect_repaired() { # by the first secret
    expect_status 0 check a.coffer "${with[@]}" --repair
    expect_output '^damage '
    expect_output '^repaired +'
    expect_no_error .
    expect_status 0 check a.coffer "${with[@]}"
    for key in "$secret" second; do
        expect_status 0 "$COFFER" info a.coffer --passphrase-file "$key"
    done
}
expect_found 'front header: it is not there' 0
expect_repaired
expect_found 'front header: it names a cost|front header: .*cost' 16
expect_repaired
expect_found 'tail header: it is not there' $tail
expect_repaired
damaged $((0x800)) # the body of the front: nobody sees that without a secret
expect_status 0 check a.coffer
expect_status 3 check a.coffer "${with[@]}" --json
expect_json 'it["damaged"] and not it["repaired"]' \
    'any(f["finding"] == "damage" and "front header" in f["text"] for f in it["findings"])'
expect_status 0 check a.coffer "${with[@]}" --repair --json
expect_json 'not it["damaged"] and it["repaired"]' 'it["findings"][-1]["finding"] == "repaired"'
expect_status 0 check a.coffer "${with[@]}"

# A slot in one copy: its own secret brings it back, another one cannot.
expect_found 'tail header: its key slots are damaged' $((tail + 0x80))
expect_output '^damage +key slot 0: damaged in the tail header'
expect_repaired
damaged $((tail + 0x100))
expect_status 3 check a.coffer "${with[@]}" --repair
expect_output '^damage +key slot 1: damaged in the tail header; opening with its secret repairs it'
expect_error '^coffer: hint: .*own slot'
expect_status 0 check a.coffer --passphrase-file second --repair
expect_status 0 check a.coffer "${with[@]}"

# ---- both copies -------------------------------------------------------------------------------------------

damaged $((0x80)) $((tail + 0x80)) # the first secret's slot
expect_status 3 check a.coffer
expect_error '^coffer: hint: .*backup'
expect_status 3 check a.coffer "${with[@]}"
expect_output '^damage +no key slot opens with this secret, and the key slots are damaged; a header backup would'
expect_status 3 check a.coffer --passphrase-file second --repair
expect_output '^damage +key slot 0: damaged in both headers, its secret is lost'
expect_status 0 "$COFFER" info a.coffer --passphrase-file second
damaged $((0x800)) $((tail + 0x800)) # both bodies
expect_status 3 check a.coffer "${with[@]}"
expect_output '^damage +.*a header backup would bring it back'
damaged 16 $((tail + 16)) # both preambles
expect_status 3 check a.coffer
expect_output '^damage +front header: '
expect_output '^damage +tail header: '
expect_error '^coffer: hint: .*backup'

# ---- what cannot be checked --------------------------------------------------------------------------------

expect_status 12 check good.coffer --passphrase-file "$wrong"
expect_error "^coffer: error: cannot check 'good.coffer': no key slot opens with this secret$"
expect_status 10 check missing.coffer
head -c 4M /dev/urandom >noise.img
expect_status 10 check noise.img
expect_error '^coffer: hint: .*--unlock'
expect_status 12 check noise.img "${with[@]}" --kdf-level 0
expect_status 2 check good.coffer --repair
expect_error 'there is no terminal'
"$COFFER" create u.img --quiet --unmarked --kdf-level 0 --size 4M --fs none "${with[@]}" 2>/dev/null
expect_status 0 check u.img "${with[@]}" --kdf-level 0
damage u.img $((0x800))
expect_status 3 check u.img "${with[@]}" --kdf-level 0
expect_status 0 check u.img "${with[@]}" --kdf-level 0 --repair
expect_status 0 check u.img "${with[@]}" --kdf-level 0
if [ "$(id -u)" -eq 0 ]; then
    chmod 0755 "$work"
    damaged 0
    install -m 0444 a.coffer closed.coffer
    install -m 0644 "$secret" readable
    expect_status 3 as_nobody "$COFFER" check "$work/closed.coffer" --passphrase-file "$work/readable"
    expect_status 16 as_nobody "$COFFER" check "$work/closed.coffer" --passphrase-file "$work/readable" --repair
fi

# ---- mounting heals, and says so once ----------------------------------------------------------------------

{ : <>/dev/fuse; } 2>/dev/null || skip '/dev/fuse cannot be opened: what mount says was not tested'
mkdir m
damaged 0
expect_status 0 "$COFFER" mount --block --read-only a.coffer m "${with[@]}"
expect_error '^coffer: notice: one header copy is damaged; opening it for writing repairs it$'
expect_same 1 "$(wc -l <stderr)" 'lines of a read-only mount'
expect_status 0 "$COFFER" unmount m
expect_status 0 "$COFFER" mount --block a.coffer m "${with[@]}"
expect_error '^coffer: notice: one header copy was damaged; it has been repaired$'
expect_same 1 "$(wc -l <stderr)" 'lines of a mount'
expect_status 0 check a.coffer "${with[@]}" # while it is mounted
expect_status 0 "$COFFER" unmount m
expect_status 0 "$COFFER" mount --block a.coffer m "${with[@]}"
expect_silence
damage a.coffer $tail
expect_status 0 check a.coffer "${with[@]}" --repair
expect_status 0 "$COFFER" unmount m
expect_status 0 check a.coffer "${with[@]}"
