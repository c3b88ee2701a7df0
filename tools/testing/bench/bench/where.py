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

LINES = 24
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


# A title, and lines with a function, its instructions for a GiB and for a frame, and the part
# of all that they are
Part = dict[str, Any]
HEADINGS = ("function", "Minsn/GiB", "a frame", "part")


def _part(title: str, functions: Counter[str], total: int, frames: int, gib: float) -> Part:
    return {"title": title,
            "lines": [[name, f"{count / gib / 1e6:.1f}", f"{count / frames:.0f}",
                       f"{count / total * 100:.1f} %"]
                      for name, count in functions.most_common(LINES)]}


def where(peers: Sequence[Peer], workload: Workload, say: Callable[[str], None]) -> list[Part]:
    """The functions with the most instructions, for each peer and host."""
    parts = []
    state: State = {}
    with Rig(dict.fromkeys(peer.driver for peer in peers), progress=say, doorbells="mapped",
             net=any(peer.net for peer in peers), places=True) as rig:
        for peer in peers:
            peer.prepare(rig, state, workload.streams)
            sample = measure(rig, peer, workload)
            frames = max(1, sample["first"]["frames"])
            for end, side in zip(rig.pair(peer.driver), (sample["first"], sample["second"])):
                functions = Symbols(end.host).by_function(side["places"])
                who = "sender" if side is sample["first"] else "receiver"
                parts.append(_part(f"{peer.name}, {who}: {workload.title},"
                                   f" {side['instructions'] / frames:.0f} instructions a frame",
                                   functions, side["instructions"], frames,
                                   sample["bytes"] / (1 << 30)))
    return parts


def text(parts: Sequence[Part]) -> str:
    """Tables for a terminal."""
    return "\n".join(table_text(part["title"], HEADINGS, part["lines"]) for part in parts)
