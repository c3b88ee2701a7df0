# SPDX-License-Identifier: GPL-2.0-only
"""Child processes on the lab's side (QEMU, the simulator, make)."""

import contextlib
import fcntl
import os
import signal
import subprocess
from pathlib import Path
from typing import Iterator, Sequence

from . import paths
from .deadline import Deadline
from .errors import InfrastructureError


class Child:
    """A long-running process whose output goes to a log file."""

    def __init__(self, name: str, command: Sequence[str], log: Path,
                 stdout: int | None = None) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            output.write((" ".join(command) + "\n").encode())
            output.flush()
            try:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stderr=output,
                    stdout=output if stdout is None else stdout,
                    start_new_session=True)
            except OSError as error:
                raise InfrastructureError(f"cannot start {name}: {error}") from error

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def check_alive(self) -> None:
        if not self.alive:
            raise InfrastructureError(
                f"{self.name} ended with code {self.process.returncode}; the end of its"
                f" log {self.log}:\n{tail(self.log)}")

    def stop(self, grace: float) -> int:
        """SIGTERM, SIGKILL after `grace` seconds; returns the exit code."""
        if self.alive:
            self.process.terminate()
            try:
                self.process.wait(Deadline(grace).seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a text file."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        return f"({error})"
    return "\n".join(text.splitlines()[-lines:])


@contextlib.contextmanager
def builds() -> Iterator[None]:
    """One build at a time, of all labs of a run: they build into the same folders."""
    with (paths.BUILD / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(name: str, command: Sequence[str], log: Path) -> None:
    """Run a build step to its end; on failure tell the end of its log."""
    with builds(), log.open("wb") as output:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output,
                              stderr=subprocess.STDOUT, check=False).returncode
    if code:
        raise InfrastructureError(f"building {name} failed with code {code}; the end of"
                                  f" {log}:\n{tail(log)}")
