# SPDX-License-Identifier: GPL-2.0-only
"""Run one workload once with one peer."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from lab.errors import LabFailure
from lab.host import Process

from .maps import Maps
from .peers import TCP_PORT, Peer
from .rig import End, Look, Rig

MIB = 1 << 20
# Read from the page cache, written to memory
SEND_FILE = "/root/tbbench.data"
SPLICE_FILE = "/tmp/tbbench.data"


# What the first and the second end are to call; who does not offer that copies instead
CALLS = {"sendfile": ("sendfile", None), "splice": (None, "splice"),
         "floor": ("sendfile", "splice")}


class NotOffered(LabFailure):
    """The peer cannot do this, and does not promise to."""


@dataclass(frozen=True)
class Workload:
    """What is done: tbbench's workload and its options; `mib` is for all streams together,
    and for each direction; `count` is messages or sessions; `maps`: what is mapped for the
    controller is counted, which costs so much that nothing else is worth measuring."""
    name: str
    title: str
    kind: str = "bulk"
    bs: int = 65536
    mib: int = 0
    count: int = 0
    streams: int = 1
    maps: bool = False

    @property
    def sessions(self) -> bool:
        """It is opening and closing that is measured."""
        return self.kind in ("open", "first-byte")

    def options(self, peer: Peer, first: bool, check: bool) -> dict[str, object]:
        """For tbbench."""
        options: dict[str, object] = {"dev": peer.names(first, self.streams), "bs": self.bs}
        if self.mib:
            options |= {"bytes": self.mib * MIB // self.streams,
                        "warm": max(MIB, self.mib * MIB // 16 // self.streams)}
        if self.count:
            # A session that has to settle is slow, too
            options["count"] = max(2, self.count // 10) if self.sessions and peer.settle \
                else self.count
        if self.sessions:
            options["settle"] = int(peer.settle * 1000)
        if self.kind in ("sendfile", "splice", "floor"):
            options["file"] = (SEND_FILE if first else
                               "/dev/null" if self.kind == "floor" else SPLICE_FILE)
        if check:
            options["check"] = 1
        return options


def _processor_time(said: dict[str, Any]) -> float:
    """Seconds that a guest's kernel thinks it was busy."""
    ticks = sum(said[key] for key in ("user", "nice", "system", "irq", "softirq"))
    return ticks / said["ticks_per_second"]


def _side(said: dict[str, Any], end: End, number: int, begin: Look, done: Look) -> dict[str, Any]:
    """What one host spent."""
    before = begin.simulator["hosts"][end.host.name]
    after = done.simulator["hosts"][end.host.name]
    figures = {
        "guest_cpu_s": _processor_time(said),
        "vcpu_s": done.seconds[number] - begin.seconds[number],
        "instructions": done.instructions[number] - begin.instructions[number],
        "doorbells": after["doorbells"] - before["doorbells"],
        "interrupts": after["interrupts"] - before["interrupts"],
        "frames": _frames(after) - _frames(before),
        "switches": said["switches"],
        "how": said["how"],
        "seconds": said["seconds"],
    }
    if done.places[number]:
        figures["places"] = done.places[number] - begin.places[number]
    return figures | {key: said[key] for key in said
                      if key in ("samples", "maps") or key.endswith("_us")}


def _frames(host: dict[str, Any]) -> int:
    return sum(ring["frames"] for ring in host["rings"] if ring["dir"] == "tx" and ring["ring"])


class _Run:
    """Two tbbench that go from one point to the next together."""

    def __init__(self, rig: Rig, peer: Peer, workload: Workload) -> None:
        self._rig = rig
        self._peer = peer
        self._workload = workload
        self._pair = rig.pair(peer.driver)
        self._processes: list[tuple[End, Process]] = []
        self._begin: Look | None = None
        self._maps: list[Maps] = []
        self._stack = ExitStack()

    def start(self, check: bool) -> None:
        """The second end first: it may have to be there for the first."""
        second = self._start_end(False, check)
        if self._peer.socat:
            second.host.wait_until(f"ss -ltn | grep -q :{TCP_PORT}", timeout=10)
        elif self._peer.net:
            self._expect(second.hear(self._processes[0][1]), "listening")
            second.go()
        self._start_end(True, check)

    def _start_end(self, first: bool, check: bool) -> End:
        end = self._pair[0 if first else 1]
        process = end.start(self._workload.kind, "first" if first else "second",
                            self._peer.around(first),
                            **self._workload.options(self._peer, first, check))
        self._processes.append((end, process))
        return end

    @staticmethod
    def _expect(said: dict[str, Any], *points: str) -> None:
        if said["at"] not in points:
            raise LabFailure(f"tbbench is at {said}, and not at {' or '.join(points)}")

    def finish(self) -> tuple[dict[str, Any], dict[str, Any], Look, Look]:
        """What the first and the second end say, and the counters before and after."""
        with self._stack:
            return self._finish()

    def _finish(self) -> tuple[dict[str, Any], dict[str, Any], Look, Look]:
        (second, second_process), (first, first_process) = self._processes
        while True:
            said_second = second.hear(second_process, 120)
            done = self._rig.look(self._pair)
            said_first = first.hear(first_process, 120)
            self._expect(said_first, said_second["at"])
            if said_second["at"] == "done":
                break
            self._expect(said_second, "open", "warm")
            if said_second["at"] == "open":
                time.sleep(self._peer.settle)
            elif self._begin is None:
                if self._workload.maps:
                    self._maps = [self._stack.enter_context(Maps(end.host)) for end in self._pair]
                self._begin = self._rig.look(self._pair)
            second.go()
            first.go()
        for said, maps in zip((said_first, said_second), self._maps):
            said["maps"] = maps.count()
        for _, process in self._processes:
            result = process.wait(60)
            if result.code:
                raise LabFailure(f"tbbench failed\n{result}")
        assert self._begin is not None
        return said_first, said_second, self._begin, done

    def kill(self) -> None:
        """Leave nothing behind."""
        for end, process in self._processes:
            process.kill()
            end.forget()


def measure(rig: Rig, peer: Peer, workload: Workload, check: bool = False) -> dict[str, Any]:
    """Both ends open, warm up and wait; then it is measured until the second end, which
    receives, has all."""
    run = _Run(rig, peer, workload)
    try:
        run.start(check)
        first, second, begin, done = run.finish()
    except BaseException:
        run.kill()
        raise
    for said, call in zip((first, second), CALLS.get(workload.kind, (None, None))):
        if "mismatch" in said:
            raise LabFailure(f"{peer.name}, {workload.name}: wrong data at byte {said['mismatch']}")
        if call and said["how"] != call and not peer.copies:
            raise NotOffered(f"{peer.name} has no {call}")
    seconds = first["seconds"] if workload.sessions else second["seconds"]
    # What arrived at the second; where bytes go both ways, as many go to the first
    received = second["bytes"]
    both = 2 if workload.kind in ("duplex", "echo", "exchange") else 1
    pair = rig.pair(peer.driver)
    return {
        "peer": peer.name, "workload": workload.name, "seconds": seconds,
        "bytes": both * received, "messages": first.get("samples", 0),
        "mib_s": both * received / MIB / seconds,
        "simulator_cpu_s": (done.simulator["cpu_us"] - begin.simulator["cpu_us"]) / 1e6,
        "first": _side(first, pair[0], 0, begin, done),
        "second": _side(second, pair[1], 1, begin, done),
    }
