# SPDX-License-Identifier: GPL-2.0-only
"""One lab at a time: guests that compete for cores miss their deadlines."""

import fcntl
import os
import sys

from . import paths


HELD = "TBLAB_LOCK_IS_HELD"


class LabLock:
    """Exclusive lock on build/lab.lock; the kernel drops it when we die."""

    @classmethod
    def for_session(cls) -> None:
        """Take it until this process ends, for all labs of its children."""
        cls().__enter__()
        os.environ[HELD] = "1"

    def __init__(self) -> None:
        self._descriptor = -1

    def __enter__(self) -> "LabLock":
        if HELD in os.environ:
            return self
        self._descriptor = os.open(paths.BUILD / "lab.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("# another lab is running; waiting until it ends", file=sys.stderr, flush=True)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
