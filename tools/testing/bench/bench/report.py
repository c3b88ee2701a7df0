# SPDX-License-Identifier: GPL-2.0-only
"""Tables for people, of what a run has measured."""

from dataclasses import dataclass
from typing import Any, Callable, Sequence

from lab.table import Table

from .stats import Results, Value

STOCK = ("stock", "stock-poll")


@dataclass(frozen=True)
class Column:
    """A figure in a table; sides: one of the first and one of the second host."""
    heading: str
    figure: str
    form: str = ".1f"
    sides: bool = False


BULK_COLUMNS = (
    Column("MiB/s", "mib_s", ".0f"), Column("vCPU s/GiB", "vcpu_s_gib", ".2f", sides=True),
    Column("guest CPU s/GiB", "guest_cpu_s_gib", ".2f", sides=True),
    Column("Minsn/GiB", "minsn_gib", ".0f", sides=True),
    Column("interrupts/MiB", "interrupts_mib"), Column("switches/MiB", "switches_mib"),
    Column("simulator s/GiB", "simulator_s_gib", ".2f"),
)
# Those that are written to memory cannot be counted
COUNTED_COLUMNS = (*BULK_COLUMNS, Column("doorbells/MiB", "doorbells_mib"))
MAPS_COLUMNS = (Column("mappings/MiB", "maps_mib", ".0f", sides=True),)
MESSAGE_COLUMNS = (
    Column("p50 us", "p50_us", ".0f"), Column("p99 us", "p99_us", ".0f"),
    Column("vCPU us each", "vcpu_us_message", ".0f"), Column("kinsn each", "kinsn_message"),
    Column("interrupts each", "interrupts_message", ".2f"),
)
SESSION_COLUMNS = (Column("per second", "sessions_s", ".1f"), *MESSAGE_COLUMNS)


@dataclass(frozen=True)
class Goal:
    """A ratio that the driver is to reach."""
    text: str
    workload: str
    figure: str
    limit: float
    more: bool = False
    peer: str = "ours"
    others: tuple[str, ...] = STOCK


GOALS = (
    Goal("one way: guest CPU", "bulk-64k", "vcpu_s_gib", 0.6),
    Goal("one way: instructions", "bulk-64k", "minsn_gib", 0.6),
    Goal("one way: throughput", "bulk-64k", "mib_s", 1.5, more=True),
    Goal("one way: throughput, both with busy_poll", "bulk-64k", "mib_s", 1.5, more=True,
         peer="ours-poll", others=("stock-poll",)),
    Goal("one way: throughput, ring_size 1024", "bulk-64k", "mib_s", 1.5, more=True,
         peer="ours-ring1024"),
    Goal("both ways: throughput", "duplex", "mib_s", 1.8, more=True),
    Goal("both ways: throughput, both with busy_poll", "duplex", "mib_s", 1.8, more=True,
         peer="ours-poll", others=("stock-poll",)),
    Goal("both ways: throughput, ring_size 1024", "duplex", "mib_s", 1.8, more=True,
         peer="ours-ring1024"),
    Goal("sendfile: guest CPU of the sender", "sendfile", "first_vcpu_s_gib", 0.4),
    Goal("sendfile: instructions of the sender", "sendfile", "first_minsn_gib", 0.4),
    Goal("splice: guest CPU of the receiver", "splice", "second_vcpu_s_gib", 0.4),
    Goal("splice: instructions of the receiver", "splice", "second_minsn_gib", 0.4),
    Goal("64 B and back, against interrupts", "echo-64", "p50_us", 0.25, others=("stock",)),
    Goal("64 B and back, busy_poll against busy_poll", "echo-64", "p50_us", 1.0,
         peer="ours-poll", others=("stock-poll",)),
    Goal("one way: throughput against socat", "bulk-64k", "mib_s", 3.0, more=True,
         others=("net-socat",)),
)


def _cell(results: Results, workload: str, peer: str, column: Column) -> str:
    value = results.value(workload, peer, column.figure)
    if value is None:
        return "-"
    figures = [value]
    if column.sides:
        figures = [side for name in ("first", "second")
                   if (side := results.value(workload, peer, f"{name}_{column.figure}"))]
    numbers = " + ".join(f"{figure.median:{column.form}}" for figure in figures)
    return f"{numbers} ±{value.spread * 100:.0f}%"


def _verdict(goal: Goal, value: Value) -> str:
    reached = value.median >= goal.limit if goal.more else value.median <= goal.limit
    if goal.figure == "mib_s" and 1 / 1.3 < value.median < 1.3:
        return "unresolved"
    if value.split > 0.2:
        return ("reached" if reached else "not reached") + ", halves disagree"
    return "reached" if reached else "not reached"


def _columns(results: Results, workload: str, part: str) -> Sequence[Column]:
    """What there is to say about a workload."""
    samples = [results.of(workload, peer)[0] for peer in results.peers(workload)]
    if any("maps" in sample["first"] for sample in samples):
        return MAPS_COLUMNS
    if part == "mapped":
        return BULK_COLUMNS
    if any(sample["first"]["how"].startswith("open") for sample in samples):
        return SESSION_COLUMNS
    return MESSAGE_COLUMNS if any(sample["messages"] for sample in samples) else COUNTED_COLUMNS


def rows(run: dict[str, Any], workload: str, columns: Sequence[Column]) -> list[list[str]]:
    """Cells for each peer of a workload: who, how, figures."""
    results = Results(run["samples"])
    table = []
    for peer in results.peers(workload):
        sample = results.of(workload, peer)[0]
        hows = (sample["first"]["how"], sample["second"]["how"])
        how = hows[0] if hows[0] == hows[1] else " / ".join(hows)
        table.append([peer, how] + [_cell(results, workload, peer, column) for column in columns])
    without = {"missing": "not offered", "failures": "failed"}
    for kind, word in without.items():
        table += [[one["peer"], word, *("-" for _ in columns)] for one in run[kind]
                  if one["workload"] == workload and one["peer"] not in results.peers(workload)]
    return table


def goal_rows(run: dict[str, Any]) -> list[list[str]]:
    """Cells for each goal that was measured, or could not be reached for want of a call."""
    results = Results(run["samples"])
    missing = {(one["workload"], one["peer"]) for one in run["missing"]}
    table = []
    for goal in GOALS:
        sign = ">=" if goal.more else "<="
        if (goal.workload, goal.peer) in missing:
            table.append([goal.text, goal.peer, "-", "-", "-", f"{sign} {goal.limit:g}",
                          "not offered"])
            continue
        found = results.ratio(goal.workload, goal.peer, goal.others, goal.figure, goal.more)
        if found is None:
            continue
        value, other = found
        table.append([goal.text, f"{goal.peer} / {other}", f"{value.median:.2f}",
                      f"±{value.spread * 100:.0f}%", f"{value.split * 100:.0f}%",
                      f"{sign} {goal.limit:g}", _verdict(goal, value)])
    return table


GOAL_HEADINGS = ("ratio", "of", "median", "spread", "halves", "goal", "")


def table_text(title: str, headings: Sequence[str], lines: list[list[str]]) -> str:
    """A table for a terminal; the first cell of each line is another one."""
    table = Table(title, headings[0])
    for line in lines:
        for heading, cell in zip(headings[1:], line[1:]):
            table.put(line[0], heading, cell)
    return table.text()


def each(run: dict[str, Any],
         make: Callable[[str, Sequence[str], list[list[str]]], str]) -> list[str]:
    """All tables of a run, made by `make(title, headings, lines)`."""
    results = Results(run["samples"])
    parts = []
    for workload in run["workloads"]:
        columns = _columns(results, workload["name"], workload["part"])
        lines = rows(run, workload["name"], columns)
        size = f"{workload['mib']} MiB" if workload["mib"] else f"{workload['count']} times"
        if lines:
            parts.append(make(f"{workload['name']}: {workload['title']}, {size}",
                              ["peer", "calls", *(c.heading for c in columns)], lines))
    lines = goal_rows(run)
    if lines:
        parts.append(make("Goals", list(GOAL_HEADINGS), lines))
    return parts


def text(run: dict[str, Any]) -> str:
    """All tables, for a terminal."""
    parts = each(run, table_text)
    if run["check"]:
        parts.append("The data was made and compared, which costs more than moving it: these"
                     " figures are not for comparing.")
    for word, kind in (("not offered", "missing"), ("not measured", "failures")):
        parts += [f"{word}: {one['peer']}, {one['workload']}: {one['why'].splitlines()[0]}"
                  for one in run[kind]]
    return "\n".join(parts)
