# SPDX-License-Identifier: GPL-2.0-only
"""The hosts that are measured, and what is read from them while they work."""

import os
import socket
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

from lab import HostSpec, Lab, LabConfig, paths
from lab.child import build
from lab.deadline import Deadline
from lab.errors import LabFailure
from lab.host import Host, Process
from lab.jsonsocket import JsonSocket
from lab.topology import Cable

KERNEL = "7.3"
SOURCE = paths.PROJECT / "tools/testing/bench"
BUILD = paths.BUILD / "bench"
TOOL = "/usr/local/bin/tbbench"
PORT = "/dev/virtio-ports/bench"

# Hosts of a driver: the first sends, or asks; the second receives, or answers
NAMES = {"ours": ("alpha", "beta"), "stock": ("gamma", "delta")}
# What the stock driver does at each close, and is known for
STOCK_BREAKS = ("ring-stopped-with-path-enabled",)


class End:
    """A host with tbbench in it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._counter = str(host.machine.sockets / f"{host.name}.instructions")
        self._port = JsonSocket(str(host.machine.sockets / f"{host.name}.bench"),
                                f"{host.name}: port")
        self._thread = host.machine.qmp.command("query-cpus-fast")[0]["thread-id"]

    def pin(self, processor: int) -> None:
        """Let the virtual processor run only there."""
        os.sched_setaffinity(self._thread, {processor})

    def instructions(self) -> tuple[int, Counter[int]]:
        """Instructions that the guest has begun since its start, and at which addresses if
        the rig has places."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as counter:
            counter.connect(self._counter)
            total, *lines = counter.makefile().read().splitlines()
        places = (line.split() for line in lines)
        return int(total), Counter({int(place, 16): int(count) for place, count in places})

    def processor_seconds(self) -> float:
        """Time that this machine's processors spent in the virtual processor."""
        return int(Path(f"/proc/{self._thread}/schedstat").read_text().split()[0]) / 1e9

    def start(self, workload: str, role: str, around: str = "{}", **options: object) -> Process:
        """Start tbbench; `around` is a shell command in which {} stands for it."""
        words = [TOOL, workload, role, f"port={PORT}"]
        for key, value in options.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            words += [f"{key}={one}" for one in values]
        return self.host.start(around.replace("{}", " ".join(words)))

    def hear(self, process: Process, seconds: float = 60) -> dict[str, Any]:
        """What tbbench says next."""
        deadline = Deadline(seconds)
        while (said := self._port.receive(Deadline(0.5, stretch=False))) is None:
            ended = process.poll()
            if ended is not None:
                raise LabFailure(f"tbbench ended too early\n{ended}")
            if deadline.expired:
                where = self.host.where(process.pid)
                process.kill()
                raise LabFailure(f"{self.host.name}: tbbench says nothing for"
                                 f" {deadline.seconds:.0f} s\n{where}")
        return said

    def forget(self) -> None:
        """Drop what a tbbench that was killed has said."""
        while self._port.receive(Deadline(0.1, stretch=False)) is not None:
            pass

    def go(self) -> None:
        """Let tbbench continue."""
        self._port.send({})


@dataclass
class Look:
    """Counters at one moment."""
    time: float
    instructions: tuple[int, ...]
    places: tuple[Counter[int], ...]
    seconds: tuple[float, ...]
    simulator: dict[str, Any]


class Rig:
    """Context manager: a pair of hosts for each driver, all of one simulator; places:
    instructions are counted for each address, too."""

    def __init__(self, drivers: Sequence[str], net: bool = False,
                 progress: Callable[[str], None] = lambda _text: None, places: bool = False,
                 **config: Any) -> None:
        self.drivers = tuple(drivers)
        self._plugin = ",places=on" if places else ""
        names = [name for driver in self.drivers for name in NAMES[driver]]
        specs = [self._spec(name, driver) for driver in self.drivers for name in NAMES[driver]]
        cables = [Cable(*(f"{name}:1" for name in NAMES[driver])) for driver in self.drivers]
        tolerate = STOCK_BREAKS if "stock" in self.drivers else ()
        self.lab = Lab(LabConfig(tuple(specs), driver=None, net=net, cables=tuple(cables),
                                 tolerate=tolerate, **config), name="bench", progress=progress)
        self._names = names
        self.ends: dict[str, End] = {}

    def _spec(self, name: str, driver: str) -> HostSpec:
        return HostSpec(name, kernel=KERNEL, driver=driver, options=(
            "-plugin", f"{BUILD}/instructions.so,socket={{sockets}}/{name}.instructions"
            + self._plugin,
            "-chardev", f"socket,id=bench,path={{sockets}}/{name}.bench,server=on,wait=off",
            "-device", "virtserialport,chardev=bench,id=bench,name=bench"))

    def __enter__(self) -> "Rig":
        BUILD.mkdir(parents=True, exist_ok=True)
        build("tbbench", ["make", "-s", "-C", str(SOURCE), f"O={BUILD}"], BUILD / "build.log")
        self.lab.__enter__()
        try:
            processors = sorted(os.sched_getaffinity(0))
            for number, host in enumerate(self.lab.hosts):
                end = self.ends[host.name] = End(host)
                end.pin(processors[number % 2 % len(processors)])
                host.put(BUILD / "tbbench", TOOL)
                host.run(f"chmod 755 {TOOL}")
        except BaseException as error:
            self.lab.__exit__(type(error))
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.lab.__exit__(kind)

    def pair(self, driver: str) -> tuple[End, End]:
        """The two ends of this driver's cable."""
        first, second = NAMES[driver]
        return self.ends[first], self.ends[second]

    def look(self, pair: tuple[End, End]) -> Look:
        """Read all counters, in an order that reads nearly at once what changes fast."""
        simulator = self.lab.sim.command("stats")
        begun = [end.instructions() for end in pair]
        return Look(time.monotonic(), tuple(total for total, _ in begun),
                    tuple(places for _, places in begun),
                    tuple(end.processor_seconds() for end in pair), simulator)
