# SPDX-License-Identifier: GPL-2.0-only
"""A picture of a run, drawn by gnuplot."""

import subprocess
from pathlib import Path
from typing import Any, Sequence

from lab.errors import InfrastructureError

from .stats import Results, Value

SIZES = (("bulk-4k", 4), ("bulk-64k", 64), ("bulk-256k", 256), ("bulk-1m", 1024))
CALLS = ("duplex", "sendfile", "splice", "floor")
ROUND_TRIPS = ("echo-64", "echo-4k", "echo-64k", "exchange-8k")
# The same in all parts of the picture
COLORS = {peer: number + 1 for number, peer in
          enumerate(("ours", "ours-poll", "stock", "stock-poll", "net", "net-socat"))}
TERMINALS = {"svg": "svg size 1100,850 dynamic background '#ffffff' font 'sans,12'",
             "png": "pngcairo size 1100,850 font 'sans,10'"}

HEAD = """\
set terminal {terminal}
set output '{output}'
set multiplot layout 2,2
set grid ytics
set key outside bottom center horizontal
set yrange [0:*]
"""


def _block(name: str, lines: Sequence[str]) -> str:
    return f"${name} << EOD\n" + "\n".join(lines) + "\nEOD\n"


def _error(value: Value) -> str:
    return f"{value.median:.6g} {value.median * value.spread:.6g}"


class _Script:
    """Commands for gnuplot, as they grow."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._parts: list[str] = []
        self._blocks = 0

    def _data(self, lines: Sequence[str]) -> str:
        self._blocks += 1
        self._parts.append(_block(f"data{self._blocks}", lines))
        return f"$data{self._blocks}"

    def _among(self, workloads: Sequence[str]) -> list[str]:
        """Peers in these workloads, always in the same order, as it gives them their color."""
        found = {peer for workload in workloads for peer in self._results.peers(workload)}
        return [peer for peer in COLORS if peer in found]

    def lines(self, title: str, figure: str, label: str) -> None:
        """A figure over the size of the writes."""
        plots = []
        for peer in self._among([workload for workload, _ in SIZES]):
            values = [(size, self._results.value(workload, peer, figure))
                      for workload, size in SIZES]
            data = self._data([f"{size} {_error(value)}" for size, value in values if value])
            plots.append(f"{data} using 1:2:3 with yerrorlines linetype {COLORS[peer]}"
                         f" linewidth 2 title '{peer}'")
        if plots:
            ticks = ", ".join(f"'{size}k' {size}" for _, size in SIZES)
            self._parts.append(f"set title '{title}'\nset ylabel '{label}'\nset logscale x 2\n"
                               f"set xtics ({ticks})\n"
                               "plot " + ", ".join(plots) + "\nunset logscale\n")

    def bars(self, title: str, workloads: Sequence[str], figure: str, label: str) -> None:
        """A figure for several workloads, a bar for each peer."""
        present = [name for name in workloads if self._results.peers(name)]
        plots = []
        for peer in self._among(present):
            lines = []
            for name in present:
                value = self._results.value(name, peer, figure)
                lines.append(f"{name} " + (_error(value) if value else "NaN NaN"))
            data = self._data(lines)
            plots.append(f"{data} using 2:3:xtic(1) linetype {COLORS[peer]}"
                         f" title '{peer}'")
        if plots:
            self._parts.append(f"set title '{title}'\nset ylabel '{label}'\n"
                               "set style data histograms\nset style fill solid 0.8\n"
                               "set style histogram errorbars gap 1 linewidth 1\n"
                               "set xtics autofreq norangelimit\n"
                               "plot " + ", ".join(plots) + "\n")

    def text(self) -> str:
        return "".join(self._parts)


def draw(run: dict[str, Any], directory: Path) -> list[Path]:
    """Make speed.svg and speed.png."""
    script = _Script(Results(run["samples"]))
    script.lines("One way, throughput by size of writes", "mib_s", "MiB/s")
    script.lines("One way, cost of both hosts by size of writes", "minsn_gib",
                 "million instructions per GiB")
    script.bars("Other ways to move bytes", CALLS, "minsn_gib", "million instructions per GiB")
    script.bars("There and back, median", ROUND_TRIPS, "p50_us", "us")
    made = []
    for suffix, terminal in TERMINALS.items():
        output = directory / f"speed.{suffix}"
        commands = HEAD.format(terminal=terminal, output=output) + script.text()
        try:
            done = subprocess.run(["gnuplot", "-"], input=commands, text=True,
                                  capture_output=True, check=False)
        except FileNotFoundError as error:
            raise InfrastructureError("gnuplot is missing in build/root, which plots are drawn"
                                      " with; run tools/testing/lab/setup") from error
        if done.returncode or not output.exists() or not output.stat().st_size:
            raise InfrastructureError(f"gnuplot made no {output.name}:\n{done.stderr}")
        made.append(output)
    return made
