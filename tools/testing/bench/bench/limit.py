# SPDX-License-Identifier: GPL-2.0-only
"""What would be left of our processor time if our own functions took none of it."""

from dataclasses import dataclass
from typing import Any, Sequence

from .report import STOCK
from .stats import Results
from .where import Part


@dataclass(frozen=True)
class Case:
    """A host of a workload that there is a goal for; kind: as in `where`; copies: between
    program and kernel."""
    text: str
    workload: str
    kind: str
    side: str
    copies: bool


CASES = (
    Case("one way, sender", "bulk-64k", "bulk", "first", copies=True),
    Case("one way, receiver", "bulk-64k", "bulk", "second", copies=True),
    Case("sendfile, sender", "sendfile", "sendfile", "first", copies=False),
    Case("splice, receiver", "splice", "splice", "second", copies=False),
)
HEADINGS = ("seconds for a GiB", "all", "copying", "rings of the core", "other functions",
            "ours", "without ours / stock")


@dataclass(frozen=True)
class Share:
    """Processor seconds of a host for a GiB, and what the best stock driver needs there."""
    case: Case
    copying: float
    core: float
    others: float
    ours: float
    stock: float

    @property
    def without_ours(self) -> float:
        """If our own functions took no time."""
        return self.copying + self.core + self.others

    def cells(self) -> list[str]:
        """For a table with HEADINGS."""
        seconds = (self.without_ours + self.ours, self.copying, self.core, self.others, self.ours,
                   self.without_ours / self.stock)
        return [self.case.text, *(f"{number:.2f}" for number in seconds)]


def _share(results: Results, case: Case, functions: Sequence[Part]) -> Share | None:
    figure = f"{case.side}_vcpu_s_gib"
    whole = results.value(case.workload, "ours", figure)
    copying = results.value("copy", "memory", figure)
    stock = [found.median for name in STOCK if (found := results.value(case.workload, name, figure))]
    part = next((part for part in functions
                 if (part["peer"], part["kind"], part["side"]) == ("ours", case.kind, case.side)),
                None)
    if not (whole and copying and stock and part):
        return None
    copied = copying.median if case.copies else 0.0
    # Instructions take alike but those that copy for a program, which are few and long
    each = (whole.median - copied) / part["minsn_gib"]
    ours, core = part["ours_minsn_gib"], part["core_minsn_gib"]
    return Share(case, copied, core * each, (part["minsn_gib"] - core - ours) * each, ours * each,
                 min(stock))


def shares(run: dict[str, Any], functions: Sequence[Part]) -> list[Share]:
    """Of all cases, as far as they were measured."""
    results = Results(run["samples"])
    return [share for case in CASES if (share := _share(results, case, functions))]


def sentence(run: dict[str, Any], found: Sequence[Share]) -> str:
    """What copies and the core's rings leave to any driver that is read and written."""
    results = Results(run["samples"])
    bulk = [share for share in found if share.case.workload == "bulk-64k"]
    simulator = results.value("bulk-64k", "ours", "simulator_s_gib")
    best = max((value.median for name in STOCK
                if (value := results.value("bulk-64k", name, "mib_s"))), default=0.0)
    if len(bulk) < 2 or not simulator or not best:
        return ""
    least = sum(share.copying + share.core for share in bulk)
    processors = run["machine"]["processors"]
    most = processors * 1024 / (least + simulator.median)
    return (f"One way, copies and the core's rings are {least:.2f} s of both hosts,"
            f" {least / sum(share.stock for share in bulk):.2f} of all that the\nstock driver takes"
            f" in its better mode. The simulator takes another {simulator.median:.2f} s."
            f" If these were\nall, {processors} processors that never wait would move {most:.0f}"
            f" MiB/s, {most / best:.1f} times what the stock driver moved.\n")
