# SPDX-License-Identifier: GPL-2.0-only
"""Where things are. All of it is inside the lab's root, see ../enter."""

from pathlib import Path

LAB = Path(__file__).resolve().parent.parent
PROJECT = LAB.parent.parent.parent
BUILD = PROJECT / "build"
GUEST = BUILD / "guest"
RUNS = BUILD / "lab"
SIM_SOURCE = PROJECT / "tools" / "testing" / "usb4sim"
SIM_BUILD = BUILD / "usb4sim"
TESTS = LAB / "tests"
DEBUG_SERIES = "6.12-debug"


def kernel_release(series: str) -> str:
    """Full release of the lab's kernel of a series: "6.12", "7.3" or "6.12-debug"."""
    return (GUEST / f"release-{series}").read_text().strip()


def kernel_build(series: str) -> Path:
    """Where modules for that kernel are built against."""
    if series == DEBUG_SERIES:
        return BUILD / "debug-kernel/build"
    return Path("/lib/modules") / kernel_release(series) / "build"
