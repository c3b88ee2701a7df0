# SPDX-License-Identifier: GPL-2.0-only
"""A host that does not come up, and is booted into an initramfs to recover it.

It has no agent and no shared folder: what is typed on its serial console is all that
reaches it. Its disks are those of any other host."""

import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .child import tail
from .console import Console
from .deadline import Deadline
from .errors import ConditionTimeout, InfrastructureError
from .machine import Machine


@dataclass(frozen=True)
class Generator:
    """What makes the initramfs: what is added to the kernel's command line at the
    boot loader, the prompt of the shell that then appears, and what asks for the
    Enter key before."""
    parameters: str
    prompt: str
    knock: str = r"$."


GENERATORS = {
    "initramfs-tools": Generator("tbstream break=mount", r"\(initramfs\) "),
    "dracut": Generator("tbstream rd.break=pre-mount SYSTEMD_SULOGIN_FORCE=1",
                        r"\S*[#$] ", r"\(or press Control-D to continue\): $"),
}
# The kernel and systemd write to the same console, also behind a prompt: "# [  OK  ] ..."
MESSAGE = r"\[ *[\dA-Z.]+ *\] "


def make_initramfs(generator: str, module: Path, run_dir: Path) -> Path:
    """An initramfs with tbstream and this module, made by this generator."""
    output = run_dir / f"recovery-{generator}"
    log = run_dir / f"recovery-{generator}.build"
    with log.open("wb") as messages:
        code = subprocess.run([str(paths.PROJECT / "tools/testing/lab/make-recovery"), generator,
                               str(module), str(output)], stdin=subprocess.DEVNULL,
                              stdout=messages, stderr=subprocess.STDOUT, check=False).returncode
    if code or not output.exists():
        raise InfrastructureError(f"making an initramfs by {generator} failed with code {code};"
                                  f" the end of {log}:\n{tail(log)}")
    return output


class RecoveryHost(Machine):
    """The host. Always kernel 6.12."""

    def __init__(self, name: str, generator: str, initramfs: Path, run_dir: Path,
                 socket_dir: Path, nhi_socket: Path) -> None:
        # An initramfs with everything in it needs more memory to unpack than others.
        super().__init__(name, "6.12", 1024, 1, run_dir, socket_dir, [nhi_socket], shell=False)
        self._generator = GENERATORS[generator]
        self._initramfs = initramfs
        self._serial_socket = socket_dir / f"{name}.serial"
        self._keys: socket.socket | None = None
        self._seen = 0
        self.log = Console(self.console)

    def _initrd(self) -> Path:
        return self._initramfs

    def _parameters(self) -> str:
        # Few messages of the kernel between what is typed, but none of its warnings lost
        return f"console=ttyS0 loglevel=5 root=/dev/vda rw {self._generator.parameters}"

    def _serial(self) -> str:
        return (f"socket,id=serial,path={self._serial_socket},server=on,wait=off,"
                f"logfile={self.console}")

    def wait_ready(self, seconds: float = 180) -> None:
        """Until the shell of the initramfs has its prompt."""
        self._keys = socket.socket(socket.AF_UNIX)
        self._keys.connect(str(self._serial_socket))
        self._wait_prompt(seconds)
        self.boot_seconds = time.monotonic() - self._started

    def _wait_prompt(self, seconds: float) -> str:
        """Console output since the last prompt, up to the next one."""
        deadline = Deadline(seconds)
        prompt = re.compile(rf"^{self._generator.prompt}(\Z|{MESSAGE})", re.MULTILINE)
        knock = re.compile(self._generator.knock)
        while True:
            self.check_alive()
            self._drain()
            # The terminal's own answers are of no interest
            new = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.log.text()[self._seen:])
            last = new.rsplit("\n", 1)[-1]
            if knock.search(last):
                self._seen = len(self.log.text())
                self._press(b"\r")
            elif prompt.search(screen := new.replace("\r", "")):
                self._seen = len(self.log.text())
                return screen
            if deadline.expired:
                raise ConditionTimeout(f"{self.name}: no prompt within {deadline.seconds:.0f} s;"
                                       f" the console's end:\n{new[-2000:]}")
            time.sleep(0.05)

    def type(self, line: str, timeout: float = 30) -> str:
        """Type a line, and return what is on the screen when the prompt is back."""
        self._press(line.encode() + b"\r")
        return self._wait_prompt(timeout)

    def _press(self, keys: bytes) -> None:
        assert self._keys is not None
        self._keys.sendall(keys)

    def _drain(self) -> None:
        """Throw away what the console's socket holds; the log has it all."""
        assert self._keys is not None
        self._keys.setblocking(False)
        try:
            while self._keys.recv(1 << 16):
                pass
        except BlockingIOError:
            pass
        self._keys.setblocking(True)

    def stop(self) -> None:
        if self._keys is not None:
            self._keys.close()
            self._keys = None
        super().stop()
