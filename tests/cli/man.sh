#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The manual and the tables of options say the same: every command has its section, every option stands in it with the
# right argument, nothing is described that does not exist, and every exit status is listed.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

page=$SOURCE_DIR/man/coffer.1
expect_status 0 "$COFFER" help --json
/usr/bin/python3 - "$page" "$work/stdout" "$SOURCE_DIR/cli/status.h" <<'PYTHON' || fail 'see above'
import json, re, sys

page = open(sys.argv[1]).read()
commands = {c["name"]: c for c in json.load(open(sys.argv[2]))["commands"]}
statuses = set(re.findall(r"EXIT_\w+ = (\d+)", open(sys.argv[3]).read()))
problems = []


def plain(macros):
    """'Cm auto Ns | Ns Cm none' as it is printed."""
    return re.sub(r"\b(Ar|Cm|Ns) ?| ", "", macros)


def options_of(section):
    return {m[1]: plain(m[2]) for m in re.finditer(r"^\.It Fl -(\S+) ?(.*)$", section, re.M)}


sections = {m[1]: m[2] for m in re.finditer(r"^\.Ss (.*)\n((?:(?!\.S[sh] ).*\n?)*)", page, re.M)}
common = options_of(sections["Options of every command"])
shared = []  # what several commands take: their names, the options
for title in "What kind of volume it is", "Where the secret comes from", "Where a new secret comes from":
    takers = re.findall(r"^\.Cm (\w+)", sections[title].split(".Bl")[0], re.M)
    shared.append((takers, options_of(sections[title])))

described = [title for title in sections if title.islower()]
if described != list(commands):
    problems.append(f"the sections are {described}, the commands {list(commands)}")
synopsis = re.search(r"^\.Sh SYNOPSIS\n((?:(?!\.Sh ).*\n)*)", page, re.M)[1]
if re.findall(r"^\.Cm (\w+)", synopsis, re.M) != list(commands):
    problems.append("the synopsis has other commands than the program")

for name, command in commands.items():
    in_table = {o["name"]: o["argument"] or "" for o in command["options"]}
    in_page = options_of(sections.get(name, ""))
    expected = in_page | common
    for takers, options in shared:
        expected |= options if name in takers else {}
    for option in in_table.keys() - expected.keys():
        problems.append(f"{name}: --{option} is missing in the manual")
    for option in expected.keys() - in_table.keys():
        problems.append(f"{name}: --{option} is in the manual only")
    for option in in_table.keys() & expected.keys():
        if in_table[option] != expected[option]:
            problems.append(f"{name}: --{option} {in_table[option]!r} is {expected[option]!r} in the manual")

exits = re.search(r"^\.Sh EXIT STATUS\n((?:(?!\.Sh ).*\n)*)", page, re.M)[1]
listed = set(re.findall(r"^\.It (\d+)", exits, re.M))
if listed != statuses:
    problems.append(f"exit statuses {sorted(statuses)} are {sorted(listed)} in the manual")
mentioned = set(re.findall(r"^\.Fl -([a-z-]+)", page, re.M))
for option in mentioned - {o["name"] for c in commands.values() for o in c["options"]}:
    problems.append(f"--{option} is mentioned, but no command has it")
print(*problems, sep="\n", end="")
sys.exit(bool(problems))
PYTHON

need_program mandoc
# that other manuals are not indexed says nothing about this one
mandoc -T lint -W style "$page" 2>&1 | grep -vE 'makewhatis|referenced manual not found' >objections || true
[ ! -s objections ] || { cat objections; fail 'mandoc has objections'; }
mandoc -T html "$page" >rendered
grep -q 'EXIT_STATUS' rendered || fail 'the manual cannot be rendered'
