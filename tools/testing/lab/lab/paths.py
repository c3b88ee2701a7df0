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


def kernel_release(series: str) -> str:
    """Full release of the lab's kernel of a series: "6.12" or "7.3"."""
    return (GUEST / f"release-{series}").read_text().strip()
