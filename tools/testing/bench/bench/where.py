# SPDX-License-Identifier: GPL-2.0-only
"""In which functions of the guests' kernels the instructions of a transfer are."""

import bisect
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Sequence

from lab.errors import LabFailure
from lab.host import Host

from .peers import Peer, State
from .report import table_text
from .rig import Rig
from .run import Workload, measure

LINES = 16
# All addresses of programs are below
KERNEL = 1 << 63


class Symbols:
    """The functions of a host's kernel and its modules."""

    def __init__(self, host: Host) -> None:
        with tempfile.TemporaryDirectory() as directory:
            copy = Path(directory) / "kallsyms"
            host.get("/proc/kallsyms", copy)
            lines = [line.split() for line in copy.read_text().splitlines()]
        functions = sorted((int(words[0], 16), words[2]) for words in lines
                           if words[1] in "tTwW")
        if not functions or not functions[-1][0]:
            raise LabFailure(f"{host.name} does not tell where its functions are")
        self._begins = [begin for begin, _ in functions]
        self._names = [name for _, name in functions]

    def name(self, address: int) -> str:
        """The function that an address is in; one name for all programs."""
        if address < KERNEL:
            return "(programs)"
        place = bisect.bisect_right(self._begins, address) - 1
        return self._names[place] if place >= 0 else "(unknown)"

    def by_function(self, places: Counter[int]) -> Counter[str]:
        """Instructions of each function."""
        functions: Counter[str] = Counter()
        for address, count in places.items():
            functions[self.name(address)] += count
        return functions


# A title; who did what; million instructions for a GiB, those of our driver's functions and of
# the core's among them; and lines with a function, its instructions for a GiB and for a frame,
# and the part of all that they are
Part = dict[str, Any]
HEADINGS = ("function", "Minsn/GiB", "a frame", "part")

OURS = "tbstream_"
# What any driver calls for each frame, and what that calls
CORE = ("ring_write_descriptors", "tb_ring_poll", "__tb_ring_enqueue", "iowrite32",
        "__list_add_valid_or_report", "__list_del_entry_valid_or_report",
        "_raw_spin_lock_irqsave", "_raw_spin_unlock_irqrestore")


def _lines(functions: Counter[str], total: int, frames: int, gib: float) -> list[list[str]]:
    return [[name, f"{count / gib / 1e6:.1f}", f"{count / frames:.0f}",
             f"{count / total * 100:.1f} %"] for name, count in functions.most_common(LINES)]


def _parts(rig: Rig, peer: Peer, workload: Workload) -> list[Part]:
    """The sender's functions, and the receiver's."""
    sample = measure(rig, peer, workload)
    frames = max(1, sample["first"]["frames"])
    gib = sample["bytes"] / (1 << 30)
    parts = []
    for end, who, side in zip(rig.pair(peer.driver), ("sender", "receiver"), ("first", "second")):
        total = sample[side]["instructions"]
        functions = Symbols(end.host).by_function(sample[side]["places"])
        parts.append({
            "title": f"{peer.name}, {who}: {workload.title}, {total / frames:.0f} instructions a"
                     " frame",
            "peer": peer.name, "kind": workload.kind, "side": side,
            "minsn_gib": total / gib / 1e6,
            "ours_minsn_gib": sum(count for name, count in functions.items()
                                  if name.startswith(OURS)) / gib / 1e6,
            "core_minsn_gib": sum(functions[name] for name in CORE) / gib / 1e6,
            "lines": _lines(functions, total, frames, gib)})
    return parts


def where(peers: Sequence[Peer], workloads: Sequence[Workload],
          say: Callable[[str], None]) -> list[Part]:
    """The functions with the most instructions, for each workload, peer and host."""
    parts = []
    state: State = {}
    with Rig(dict.fromkeys(peer.driver for peer in peers), progress=say, doorbells="mapped",
             net=any(peer.net for peer in peers), places=True) as rig:
        for workload in workloads:
            for peer in peers:
                peer.prepare(rig, state, workload.streams)
                parts += _parts(rig, peer, workload)
    return parts


def text(parts: Sequence[Part]) -> str:
    """Tables for a terminal."""
    return "\n".join(table_text(part["title"], HEADINGS, part["lines"]) for part in parts)
