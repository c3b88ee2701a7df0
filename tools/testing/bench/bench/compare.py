# SPDX-License-Identifier: GPL-2.0-only
"""All workloads with all peers, in turn."""

import json
import os
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Sequence

from lab import paths
from lab.errors import HealthFailure, InfrastructureError, LabFailure

from .peers import PEERS, Peer, State
from .plan import PARTS, Item
from .rig import KERNEL, Rig
from .run import NotOffered, measure

Say = Callable[[str], None]


def _chosen(part: str, patterns: Sequence[str], peers: Sequence[str], mib: int) -> list[Item]:
    """Items of a part whose workload is wanted, with the peers that are wanted; nothing
    moves more than `mib` MiB."""
    chosen = []
    for item in PARTS[part]:
        names = tuple(name for name in item.peers if not peers or name in peers)
        if names and (not patterns or any(pattern in item.workload.name for pattern in patterns)):
            workload = replace(item.workload, mib=min(item.workload.mib, mib))
            chosen.append(Item(workload, names))
    return chosen


def order(peers: Sequence[Peer], number: int) -> list[Peer]:
    """A B C, C B A, A B C, ...: what drifts hits all alike."""
    return list(peers) if number % 2 == 0 else list(reversed(peers))


class _Hosts:
    """Context manager: the hosts of some drivers, booted when somebody is to be measured;
    anew after one of them has failed, because nobody knows what state it left behind."""

    def __init__(self, drivers: Sequence[str], part: str, net: bool, say: Say) -> None:
        self._drivers = drivers
        self._part = part
        self._net = net
        self._say = say
        self._rig: Rig | None = None
        self._state: State = {}

    def __enter__(self) -> "_Hosts":
        return self

    def ready(self, peer: Peer, streams: int) -> Rig:
        """Hosts that this peer can be measured on, with so many streams."""
        if self._rig is None:
            self._rig = self._boot()
            self._state = {}
        peer.prepare(self._rig, self._state, streams)
        return self._rig

    def _boot(self) -> Rig:
        # On a machine that is busy drivers may give up looking for each other
        try:
            return self._try_to_boot()
        except LabFailure as error:
            self._say(f"boot once more, because of this: {error}")
        try:
            return self._try_to_boot()
        except LabFailure as error:
            raise InfrastructureError(f"the hosts do not come up: {error}") from error

    def _try_to_boot(self) -> Rig:
        return Rig(self._drivers, net=self._net, progress=self._say,
                   doorbells=self._part).__enter__()

    def drop(self, kind: type[BaseException] | None) -> None:
        """End what is there."""
        rig, self._rig = self._rig, None
        if rig is not None:
            rig.__exit__(kind)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.drop(kind)


class Comparison:
    """Samples as they come, and what could not be measured."""

    def __init__(self, rounds: int, say: Say, check: bool = False,
                 keep: Callable[[dict[str, Any]], None] = lambda _run: None) -> None:
        self.rounds = rounds
        self.samples: list[dict[str, Any]] = []
        self.missing: list[dict[str, str]] = []
        self.failures: list[dict[str, str]] = []
        self.workloads: list[dict[str, Any]] = []
        self._check = check
        self._say = say
        self._keep = keep
        self._began = time.time()

    def run(self, part: str, items: Sequence[Item]) -> None:
        """All items with doorbells `part`, on hosts of their own."""
        if not items:
            return
        peers = [PEERS[name] for item in items for name in item.peers]
        self._say(f"doorbells {part}: {', '.join(dict.fromkeys(p.name for p in peers))}")
        drivers = list(dict.fromkeys(peer.driver for peer in peers))
        try:
            with _Hosts(drivers, part, any(peer.net for peer in peers), self._say) as hosts:
                for item in items:
                    self.workloads.append(item.json(part))
                    self._rounds(hosts, item)
                    self._keep(self.result())
        except HealthFailure as error:
            self._failed("hosts", f"doorbells {part}", str(error))

    def _failed(self, peer: str, workload: str, why: str) -> None:
        self.failures.append({"peer": peer, "workload": workload, "why": why})
        self._say(f"{workload}, {peer}: {why}")

    def _rounds(self, hosts: _Hosts, item: Item) -> None:
        began = time.monotonic()
        able = [PEERS[name] for name in item.peers]
        for number in range(self.rounds):
            for peer in order(able, number):
                try:
                    rig = hosts.ready(peer, item.workload.streams)
                    sample = measure(rig, peer, item.workload, self._check)
                except NotOffered as error:
                    self.missing.append({"peer": peer.name, "workload": item.workload.name,
                                         "why": str(error)})
                    able.remove(peer)
                except LabFailure as error:
                    # What a driver cannot do is a result, too
                    self._failed(peer.name, item.workload.name, str(error))
                    able.remove(peer)
                    hosts.drop(type(error))
                else:
                    self.samples.append(sample | {"round": number})
        self._say(f"{item.workload.name}: {self.rounds} x {len(able)} runs in"
                  f" {time.monotonic() - began:.0f} s")

    def result(self) -> dict[str, Any]:
        """For the JSON file."""
        model = [line.split(":", 1)[1].strip() for line in
                 Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        return {
            "format": 1,
            "date": time.strftime("%Y-%m-%d", time.gmtime(self._began)),
            "seconds": round(time.time() - self._began),
            "kernel": paths.kernel_release(KERNEL),
            "machine": {"processors": len(os.sched_getaffinity(0)),
                        "model": model[0] if model else platform.machine()},
            "rounds": self.rounds, "check": self._check, "workloads": self.workloads,
            "missing": self.missing, "failures": self.failures, "samples": self.samples,
        }


def compare(patterns: Sequence[str], peers: Sequence[str], rounds: int, mib: int, say: Say,
            check: bool = False,
            keep: Callable[[dict[str, Any]], None] = lambda _run: None) -> dict[str, Any]:
    """Measure, and return all that was measured; `keep` gets what there is after each
    workload."""
    comparison = Comparison(rounds, say, check, keep)
    for part in PARTS:
        comparison.run(part, _chosen(part, patterns, peers, mib))
    if not comparison.samples:
        raise LabFailure("nothing was measured: no workload and peer match, or all failed")
    return comparison.result()


def save(run: dict[str, Any], path: Path) -> None:
    """Write the JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run, indent=1) + "\n")


def load(path: Path) -> dict[str, Any]:
    """Read it again."""
    try:
        run: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise LabFailure(f"{path}: {error}; \"make bench\" makes this file") from error
    return run
