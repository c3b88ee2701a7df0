# SPDX-License-Identifier: GPL-2.0-only
"""One QEMU machine: command line, start, power events, end."""

import os
import random
import time
from pathlib import Path
from typing import Sequence

from . import paths
from .agent import Agent, AgentSilent
from .child import Child
from .deadline import Deadline
from .errors import InfrastructureError
from .jsonsocket import NotListening
from .qmp import Event, Qmp

DISK_BYTES = 64 << 20


def data_disk(name: str) -> Path:
    """A disk image with random content that is the same on every run. Guests
    get a snapshot, so one file per host name serves all runs."""
    image = paths.GUEST / f"disk-{name}.img"
    if not image.exists() or image.stat().st_size != DISK_BYTES:
        # Two labs may want it at the same time
        partial = image.with_suffix(f".{os.getpid()}.partial")
        source = random.Random(name)
        with partial.open("wb") as output:
            for _ in range(DISK_BYTES >> 20):
                output.write(source.randbytes(1 << 20))
        partial.rename(image)
    return image


class Machine:
    """A running QEMU with the lab's kernel, disks, shared folder, agent and controllers."""

    def __init__(self, name: str, kernel: str, memory_mib: int, processors: int,
                 run_dir: Path, socket_dir: Path, nhi_sockets: Sequence[Path], shell: bool,
                 init: str = "", options: Sequence[str] = ()) -> None:
        self.name = name
        self.kernel = kernel
        self.console = run_dir / f"{name}.console"
        self.shell_socket = socket_dir / f"{name}.shell"
        self._run_dir = run_dir
        self.sockets = socket_dir
        self._options = tuple(options)
        self._memory_mib = memory_mib
        self._processors = processors
        self._nhi_sockets = nhi_sockets
        self._shell = shell
        self._init = f"lab.init={init}" if init else ""
        self._child: Child | None = None
        self._qmp: Qmp | None = None
        self._agent: Agent | None = None
        self.boot_seconds = 0.0

    @property
    def qmp(self) -> Qmp:
        if self._qmp is None:
            raise InfrastructureError(f"{self.name}: not started")
        return self._qmp

    @property
    def agent(self) -> Agent:
        if self._agent is None:
            raise InfrastructureError(f"{self.name}: not started")
        return self._agent

    def _initrd(self) -> Path:
        return paths.GUEST / f"initrd-{self.kernel}"

    def _parameters(self) -> str:
        return (f"console=ttyS0 loglevel=7 printk.devkmsg=on panic=0"
                f" lab.name={self.name} {self._init}")

    def _serial(self) -> str:
        return f"file,id=serial,path={self.console}"

    def _command(self) -> list[str]:
        memory = f"{self._memory_mib}M"
        append = f"{self._parameters()} {os.environ.get('TBLAB_APPEND', '')}"
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-name", self.name, "-msg", "timestamp=on",
            # vfio-user maps the guest's memory, so it must be shareable.
            "-object", f"memory-backend-memfd,id=mem,size={memory},share=on",
            "-machine", "q35,memory-backend=mem", "-accel", "tcg", "-m", memory,
            "-smp", str(self._processors),
            # With ERMS or FSRM guests copy by "rep movsb", which TCG runs slowly.
            "-cpu", "max,-erms,-fsrm",
            "-kernel", str(paths.GUEST / f"vmlinuz-{self.kernel}"),
            "-initrd", str(self._initrd()),
            "-append", append,
            "-drive", f"file={paths.GUEST / 'root.img'},if=virtio,format=raw,snapshot=on",
            "-drive", f"file={data_disk(self.name)},if=virtio,format=raw,snapshot=on",
            "-virtfs", f"local,path={self._run_dir / 'share'},mount_tag=lab,"
                       "security_model=none,multidevs=remap",
            "-device", "virtio-rng-pci",
            "-chardev", self._serial(),
            "-serial", "chardev:serial",
            "-qmp", f"unix:{self.sockets}/{self.name}.qmp,server=on,wait=off",
            "-gdb", f"unix:{self.sockets}/{self.name}.gdb,server=on,wait=off",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=agent,path={self.sockets}/{self.name}.agent,"
                        "server=on,wait=off",
            "-device", "virtserialport,chardev=agent,id=agent,"
                       "name=org.qemu.guest_agent.0",
        ]
        if self._shell:
            command += ["-chardev", f"socket,id=shell,path={self.shell_socket},"
                                    "server=on,wait=off",
                        "-device", "virtconsole,chardev=shell"]
        for path in self._nhi_sockets:
            command += ["-device", '{"driver":"vfio-user-pci","socket":{"type":"unix",'
                                   f'"path":"{path}"' "}}"]
        return command + [option.replace("{sockets}", str(self.sockets))
                          for option in self._options]

    def start(self) -> None:
        """Start QEMU; wait_ready() tells when the guest can be used."""
        for suffix in ("qmp", "agent", "shell"):
            (self.sockets / f"{self.name}.{suffix}").unlink(missing_ok=True)
        self._started = time.monotonic()
        self._child = Child(f"{self.name}: QEMU", self._command(),
                            self._run_dir / f"{self.name}.qemu")
        self._qmp = self._connect_qmp(self._child, Deadline(30))

    def _connect_qmp(self, child: Child, deadline: Deadline) -> Qmp:
        while True:
            child.check_alive()
            try:
                return Qmp(f"{self.sockets}/{self.name}.qmp", self.name)
            except NotListening:
                if deadline.expired:
                    raise
            time.sleep(0.01)

    def wait_ready(self, seconds: float = 90) -> None:
        """Until the guest's agent answers, that is, until its rc has ended."""
        def port_opened(event: Event) -> bool:
            return (event["event"] == "VSERPORT_CHANGE" and event["data"]["open"]
                    and event["data"]["id"] == "agent")

        deadline = Deadline(seconds)
        if self.qmp.wait_event(port_opened, deadline) is None:
            raise InfrastructureError(
                f"{self.name}: kernel {self.kernel} did not boot within"
                f" {deadline.seconds:.0f} s; its console is {self.console}")
        self.connect_agent(deadline)
        self.boot_seconds = time.monotonic() - self._started

    def connect_agent(self, deadline: Deadline) -> None:
        """A connection to the agent. Connects anew until it gets an answer:
        after S3 the virtio console of 7.3 takes its port for unplugged until
        it sees the host side open it, so a connection that is made before the
        driver is back is a deaf one."""
        while True:
            if self._agent is not None:
                self._agent.close()
            self._agent = Agent(f"{self.sockets}/{self.name}.agent", self.name)
            try:
                self._agent.sync(Deadline(min(3.0, deadline.remaining())))
                return
            except AgentSilent:
                if deadline.expired:
                    raise

    def reset(self) -> None:
        """Warm reset, as by a button; wait_ready() follows."""
        self._started = time.monotonic()
        self.qmp.command("system_reset")

    def check_alive(self) -> None:
        if self._child is not None:
            self._child.check_alive()

    def stop(self) -> None:
        """Switch the power off."""
        for connection in (self._agent, self._qmp):
            if connection is not None:
                connection.close()
        self._agent = self._qmp = None
        if self._child is not None:
            self._child.stop(grace=5)
            self._child = None
