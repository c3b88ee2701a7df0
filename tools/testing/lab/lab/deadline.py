# SPDX-License-Identifier: GPL-2.0-only
"""Deadlines, stretched by how slow this machine turned out to be."""

import os
import time

# Seconds from starting QEMU to the agent's first answer, two guests at once
# on two idle cores of the machine that the deadlines were chosen on.
REFERENCE_BOOT = 6.0

_scale = float(os.environ.get("TBLAB_SCALE", "1"))


def scale() -> float:
    """Factor on every deadline, 1.0 or more."""
    return _scale


def measured_boot(seconds: float) -> None:
    """Derive the factor from a boot. Only ever upwards within one run: a
    machine that was busy once will be busy again."""
    global _scale
    _scale = max(_scale, min(seconds / REFERENCE_BOOT, 20.0))


class Deadline:
    """A point in time, seconds * scale() from now."""

    def __init__(self, seconds: float, stretch: bool = True) -> None:
        self.seconds = seconds * (_scale if stretch else 1.0)
        self._end = time.monotonic() + self.seconds

    def remaining(self) -> float:
        return max(0.0, self._end - time.monotonic())

    @property
    def expired(self) -> bool:
        return time.monotonic() >= self._end
