# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# machine.sh - starts, watches and ends the virtual machine. One at a time; host() may start several one
# after the other on the same disks.
#   machine_start [--unseen] [QEMU-ARGUMENT...]   boots; what it prints goes to $work/console and, if seen, to our stdout
#   machine_wait                       until it is off; fails unless its only case succeeded
#   machine_says TEXT                  waits until it has printed a line that begins with TEXT
#   machine_ask COMMAND                a command for QEMU's monitor
#   machine_kill                       the power is cut
#   machine_save                       ends it, to be restored as it is now,
#   machine_restore TEXT               as often as one likes; it then reads TEXT at /dev/ttyS1
# $work/disk0, disk1 ... are the disks' images, with a write cache. disk_log=FILE logs all requests to disk0 there,
# flushes among them; crash_state.py reads it.
# shellcheck disable=SC2154

machine_pid='' viewer_pid=''
line_start='^\(.*\[K\)\{0,1\}' # progress may have stood there, and been wiped
machine_patience=${COFFER_VM_PATIENCE:-900} # seconds; emulation on a busy machine is slow

disks_make() { # SIZES
    local size number=0
    for size in $1; do
        truncate -s "$size" "$work/disk$number"
        number=$((number + 1))
    done
}

# Emulation even where there is /dev/kvm: nested virtualisation hangs on some machines, and a boot takes seconds.
machine_start() {
    local disk node arguments=() is_seen=1
    [ "${1:-}" != --unseen ] || { is_seen=''; shift; }
    for disk in "$work"/disk[0-9]; do
        [ -e "$disk" ] || continue
        node=${disk##*/}
        arguments+=(-blockdev "driver=file,filename=$disk,node-name=$node,discard=unmap")
        if [ -n "${disk_log:-}" ] && [ "$node" = disk0 ]; then
            arguments+=(-blockdev "driver=file,filename=$disk_log,node-name=log"
                -blockdev "driver=blklogwrites,file=disk0,log=log,node-name=logged")
            node=logged
        fi
        arguments+=(-device "virtio-blk-pci,drive=$node,write-cache=on")
    done
    : >"$work/console"
    [ -p "$work/orders" ] || mkfifo "$work/orders"
    qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m "$machine_memory" -nodefaults -no-user-config \
        -no-reboot -display none -serial "file:$work/console" -serial chardev:orders -monitor "unix:$work/monitor,server=on,wait=off" \
        -chardev stdio,id=orders,signal=off -device virtio-rng-pci -kernel "$kernel/vmlinuz" -initrd "$work/initramfs" \
        -append 'console=ttyS0 quiet loglevel=3 panic=-1 oops=panic mitigations=off random.trust_cpu=on no_timer_check' \
        "${arguments[@]}" "$@" <>"$work/orders" >/dev/null 2>"$work/qemu.log" &
    machine_pid=$!
    [ -n "$is_seen" ] || return 0
    tail -q -n +1 -s 0.2 -f --pid="$machine_pid" "$work/console" | grep -v --line-buffered '^@\|reboot: Power down' &
    viewer_pid=$!
}

machine_is_on() {
    [ -n "$machine_pid" ] && kill -0 "$machine_pid" 2>/dev/null
}

# Fails when the machine goes off, or nothing happens for too long.
machine_says() {
    local start=$SECONDS
    until grep -q -- "$line_start$1" "$work/console"; do
        machine_is_on || { grep -q -- "$line_start$1" "$work/console" && return; cat "$work/qemu.log"; echo "the machine went off"; return 1; }
        [ $((SECONDS - start)) -lt "$machine_patience" ] || { echo "the machine never says '$1'"; return 1; }
        sleep 0.05
    done
}

machine_ask() {
    /usr/bin/python3 -c '
import socket, sys
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
def answer():
    text = b""
    while not text.endswith(b"(qemu) "):
        text += monitor.recv(4096)
    return text.decode(errors="replace")
answer()
monitor.sendall(sys.argv[2].encode() + b"\n")
print(answer())' "$work/monitor" "$1" >"$work/answer"
}

machine_kill() {
    [ -n "$machine_pid" ] || return 0
    kill -9 "$machine_pid" 2>/dev/null || true
    wait "$machine_pid" 2>/dev/null || true
    machine_pid=''
}

machine_save() {
    machine_ask "migrate \"exec:cat >$work/saved\""
    machine_kill
    machine_end
    [ -s "$work/saved" ] || { cat "$work/answer" "$work/qemu.log"; return 1; }
}

machine_restore() { # TEXT
    machine_start -incoming "exec:cat $work/saved"
    until machine_ask 'info status' 2>/dev/null && grep -q running "$work/answer"; do
        machine_is_on || { cat "$work/qemu.log"; return 1; }
        sleep 0.05
    done
    echo "$1" >"$work/orders"
}

machine_end() {
    machine_kill
    [ -z "$viewer_pid" ] || { wait "$viewer_pid" || true; } 2>/dev/null
}

machine_wait() {
    local start=$SECONDS status
    while machine_is_on; do
        [ $((SECONDS - start)) -lt "$machine_patience" ] || { echo 'the machine does not end'; break; }
        sleep 0.1
    done
    machine_end
    status=$(machine_result '[^ ]*')
    [ -n "$status" ] || { cat "$work/qemu.log"; echo 'the machine ended without a result'; return 1; }
    return "$status"
}

# How a case ended; nothing if it did not.
machine_result() { # CASE
    sed -n "s/${line_start}@skipped //p" "$work/console" | tr -d '\r' | tail -n 1 >"$work/reason"
    sed -n "s/${line_start}@result $1 \([0-9]*\).*/\2/p" "$work/console"
}

# What a case has printed.
machine_show() { # CASE
    sed -n "/^@begin $1\r*$/,/${line_start}@result $1 /p" "$work/console" | grep -v '^@\|@result' || :
}
