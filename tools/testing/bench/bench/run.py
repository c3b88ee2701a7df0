# SPDX-License-Identifier: GPL-2.0-only
"""Run one workload once with one peer."""

import time
from dataclasses import dataclass
from typing import Any

from lab.errors import LabFailure
from lab.host import Process

from .peers import Peer
from .rig import End, Look, Rig

MIB = 1 << 20


@dataclass(frozen=True)
class Workload:
    """What is done: tbbench's workload and its options."""
    name: str
    kind: str = "bulk"
    bs: int = 65536
    mib: int = 0
    count: int = 0
    streams: int = 1

    def options(self, check: bool) -> dict[str, object]:
        """For tbbench."""
        options: dict[str, object] = {"bs": self.bs}
        if self.mib:
            options |= {"bytes": self.mib * MIB // self.streams,
                        "warm": max(MIB, self.mib * MIB // 16 // self.streams)}
        if self.count:
            options |= {"count": self.count}
        if check:
            options |= {"check": 1}
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
        "switches": said["switches"],
        "how": said["how"],
        "seconds": said["seconds"],
    }
    return figures | {key: said[key] for key in said if key.startswith("p") and "_us" in key}


def measure(rig: Rig, peer: Peer, workload: Workload, check: bool = False) -> dict[str, Any]:
    """Both ends open, warm up and wait; then it is measured until the second end, which
    receives, has all."""
    first, second = pair = rig.pair(peer.driver)
    options = workload.options(check) | {"dev": peer.devices(workload.streams)}
    processes = (first.start(workload.kind, "first", **options),
                 second.start(workload.kind, "second", **options))
    ends = list(zip(pair, processes))
    try:
        for name in ("open", "warm"):
            for end, process in ends:
                said = end.hear(process)
                if said["at"] != name:
                    raise LabFailure(f"{end.host.name}: tbbench is at {said}, not at {name}")
            if name == "open":
                time.sleep(peer.settle)
            else:
                begin = rig.look(pair)
            for end in reversed(pair):
                end.go()
        said_second = second.hear(processes[1], 120)
        done = rig.look(pair)
        said_first = first.hear(processes[0], 120)
        for _, process in ends:
            _finish(process)
    except BaseException:
        for _, process in ends:
            process.kill()
        raise
    for said in (said_first, said_second):
        if "mismatch" in said:
            raise LabFailure(f"{peer.name}, {workload.name}: wrong data at byte {said['mismatch']}")
    received = said_second["bytes"]
    return {
        "peer": peer.name, "workload": workload.name,
        "seconds": said_second["seconds"], "bytes": received,
        "mib_s": received / MIB / said_second["seconds"],
        "simulator_cpu_s": (done.simulator["cpu_us"] - begin.simulator["cpu_us"]) / 1e6,
        "first": _side(said_first, first, 0, begin, done),
        "second": _side(said_second, second, 1, begin, done),
    }


def _finish(process: Process) -> None:
    result = process.wait(60)
    if result.code:
        raise LabFailure(f"tbbench failed\n{result}")
