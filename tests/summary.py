#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Counts of one ctest run from its JUnit file, and what ctest does not show: why tests were skipped.

usage: summary.py NAME FILE. With a NAME other than 'test', whose output ctest has shown, what failed is shown.
Exit status 1 when a test failed or there is no result.
"""

import sys
import xml.etree.ElementTree as ET


def main():
    name, path = sys.argv[1:]
    try:
        cases = list(ET.parse(path).iter("testcase"))
    except (OSError, ET.ParseError) as error:
        print(f"{name}: no result: {error}")
        return 1
    failed = [c for c in cases if c.get("status") == "fail" or c.find("failure") is not None]
    skipped = [c for c in cases if c not in failed and c.find("skipped") is not None]

    for case in failed:
        if name != "test":
            print(f"{case.findtext('system-out') or ''}\n--- {case.get('name')}: above is its output ---")
        print(f"failed  {case.get('name')}")
    for case in skipped:
        lines = (case.findtext("system-out") or "").split("\n")
        reason = next((line.strip() for line in reversed(lines) if line.strip()), "no reason given")
        print(f"skipped {case.get('name')}: {reason}")
    for case in cases:  # what one says that counts parts of its own, as the virtual machines do
        for line in (case.findtext("system-out") or "").splitlines():
            if case not in skipped and line.startswith("skipped "):
                print(f"skipped {case.get('name')}/{line[8:]}")
            if line.startswith("note: "):
                print(line)
    passed = len(cases) - len(failed) - len(skipped)
    print(f"{name}: {passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
