# SPDX-License-Identifier: GPL-2.0-only
"""The figures in the documentation, from the file that a run has written."""

import textwrap
from pathlib import Path
from typing import Any, Sequence

from lab import paths
from lab.errors import LabFailure

from . import limit
from .report import each, table_text
from .stats import Results
from .where import HEADINGS, Part

PAGE = paths.PROJECT / "Documentation/admin-guide/thunderbolt-stream-speed.rst"
BEGIN = ".. The figures begin here; they are written by tools/testing/bench/measure page.\n"
END = ".. The figures end here.\n"

# A link's gross rate, and what is left for the bytes of frames: measured by others on
# hardware with one ring pair, see the page
LINKS = ((40, 1.15), (80, 5.0))
BYTES = 1e9


def _table(title: str, headings: Sequence[str], lines: list[list[str]]) -> str:
    """As it is printed: whoever reads the source sees columns, too."""
    first, _, rest = table_text(f"{title}::", headings, lines).partition("\n")
    return f"{first}\n{textwrap.indent(rest.rstrip(), '  ')}\n"


def _estimate(run: dict[str, Any]) -> str:
    """Instructions that a second of a link costs, from what a GiB costs."""
    results = Results(run["samples"])
    lines = []
    for peer in ("ours", "stock", "stock-poll"):
        for side in ("first", "second"):
            value = results.value("bulk-64k", peer, f"{side}_minsn_gib")
            if value is None:
                continue
            cells = [f"{value.median * rate * BYTES / (1 << 30):.0f}" for _, rate in LINKS]
            who = "sender" if side == "first" else "receiver"
            lines.append([f"{peer}, {who}", f"{value.median:.0f}", *cells])
    if not lines:
        return ""
    return _table("Million instructions in a second at the rates of hardware, without the copy",
                  ["driver, host", "Minsn/GiB",
                   *(f"{link}G link, {rate} GB/s" for link, rate in LINKS)], lines)


def _limit(run: dict[str, Any], functions: Sequence[Part]) -> str:
    """What a driver that takes no time of its own would leave of it."""
    found = limit.shares(run, functions)
    if not found:
        return ""
    table = _table("Processor seconds of a virtual host, ours, and what is not the driver's",
                   limit.HEADINGS, [share.cells() for share in found])
    return f"{table}\n{limit.sentence(run, found)}"


def figures(run: dict[str, Any], functions: Sequence[Part]) -> str:
    """The part of the page that a run decides about, and what `where` has found."""
    machine = run["machine"]
    head = (f"Measured {run['date']} with kernel {run['kernel']} on"
            f" {machine['processors']} processors ({machine['model']}), {run['rounds']} rounds, in"
            f" {run['seconds']} seconds. Behind each ± is half the distance between the"
            " quartiles, as a part of the median.\n")
    parts = [head, *each(run, _table), _estimate(run), _limit(run, functions)]
    for word, kind in (("Not offered", "missing"), ("Not measured", "failures")):
        parts += [f"{word}: {one['peer']}, {one['workload']}.\n" for one in run[kind]]
    if functions:
        parts.append("In which functions the instructions are, those of the core and of copying"
                     " among them:\n")
        parts += [_table(part["title"], HEADINGS, part["lines"]) for part in functions]
    return "\n".join(part for part in parts if part)


def write(run: dict[str, Any], functions: Sequence[Part], page: Path = PAGE) -> None:
    """Put the figures into the page, in the place of those that are there."""
    text = page.read_text()
    try:
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
    except (ValueError, IndexError) as error:
        raise LabFailure(f"{page}: the lines that figures go between are not there") from error
    page.write_text(f"{before}{BEGIN}\n{figures(run, functions)}\n{END}{after}")
