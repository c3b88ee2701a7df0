# SPDX-License-Identifier: GPL-2.0-only
"""One lab at a time: guests that compete for cores miss their deadlines."""

import fcntl
import os
import sys

from . import paths


class LabLock:
    """Exclusive lock on build/lab.lock; the kernel drops it when we die."""

    def __init__(self) -> None:
        self._descriptor = -1

    def __enter__(self) -> "LabLock":
        self._descriptor = os.open(paths.BUILD / "lab.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("# another lab is running; waiting until it ends", file=sys.stderr, flush=True)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
