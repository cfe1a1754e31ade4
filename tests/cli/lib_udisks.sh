# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib_udisks.sh - a system bus of the test's own with a udisks2 on it (fake_udisks.c), on top of lib.sh: fake_start, and
# fake_is MODE for how it behaves from now on. Ordinary users reach it as well.

need_root
need_program dbus-daemon
fake=$BUILD_DIR/tests/udisks/fake_udisks
: "${work:?}"
fake_pid=''
media=$work/media
mkdir "$media"
chmod 0711 "$work"

cat >"$work/bus.conf" <<EOF
<busconfig>
  <type>system</type>
  <listen>unix:path=$work/bus</listen>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="method_return"/>
    <allow send_type="error"/><allow send_type="signal"/><allow receive_type="method_call"/>
    <allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
    <allow send_requested_reply="true" send_type="error"/>
  </policy>
</busconfig>
EOF

fake_end() {
    [ -z "$fake_pid" ] || { kill -9 "$fake_pid"; wait "$fake_pid"; } 2>/dev/null
}

fake_is() { # MODE
    echo "$1" >"$work/mode"
}


dbus_has_udisks() {
    dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
        string:org.freedesktop.UDisks2 2>/dev/null | grep -q 'boolean true'
}

# After it has vanished, too.
fake_start() {
    fake_end || true
    fake_is good
    "$fake" "$work/mode" "$media" &
    fake_pid=$!
    wait_until dbus_has_udisks
}

dbus-daemon --config-file="$work/bus.conf" --nofork --nopidfile 2>"$work/bus.log" &
bus_pid=$!
at_end kill "$bus_pid"
at_end fake_end
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$work/bus
wait_until test -S "$work/bus"
