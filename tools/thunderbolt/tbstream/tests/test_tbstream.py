# SPDX-License-Identifier: GPL-2.0-only
"""Tests of tbstream on a made-up /sys; KTAP on standard output.

    TBSTREAM=/path/to/tbstream test_tbstream.py [PATTERN...]

Each function test_* of the modules named below is a test; it fails by an
exception. The program is built with sanitizers, which end it with another code."""

import importlib
import sys
import time
import traceback

MODULES = ["configure", "look", "move", "diagnose", "arguments", "completion"]


def main() -> int:
    """Run all tests whose names contain one of the arguments."""
    tests = []
    for module in MODULES:
        found = vars(importlib.import_module(module))
        tests += [(f"{module}.{name.removeprefix('test_')}", function)
                  for name, function in found.items() if name.startswith("test_")]
    if len(sys.argv) > 1:
        tests = [test for test in tests if any(pattern in test[0] for pattern in sys.argv[1:])]
    print(f"KTAP version 1\n1..{len(tests)}")
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        begin = time.monotonic()
        try:
            function()
            result = "ok"
        except Exception:  # pylint: disable=broad-except
            failed += 1
            result = "not ok"
            for line in [f"must hold: {function.__doc__}", *traceback.format_exc().splitlines()]:
                print(f"# {line}")
        print(f"{result} {number} {name} # {time.monotonic() - begin:.1f} s", flush=True)
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
