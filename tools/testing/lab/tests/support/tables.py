# SPDX-License-Identifier: GPL-2.0-only
"""The tables at the end of a run: pytest loads this as a plug-in. Tests record what is in
them by record_property, so that it comes out of the worker that ran them."""

from typing import Any, Iterator

from lab import Table
from lab.plugin import all_reports
from tests.support.matrix.cases import FAULTS, PLACES, SEED, SIDES, Case, every_case

INTEROP = "interoperability"            # row, column and a word, or a sentence for the notes
SLOWEST = "slowest call"                # fault and milliseconds


def _properties(reports: list[Any], name: str) -> Iterator[Any]:
    for report in reports:
        if report.when == "call":
            yield from (value for key, value in report.user_properties if key == name)


def interoperability(reports: list[Any]) -> str:
    """Who can talk to whom; empty if no test of that ran."""
    table = Table("Interoperability; \">\" is from the host that allocates the HopIDs to the one"
                  " that adopts them, \"<\" back", "allocates, adopts")
    for row, column, word in _properties(reports, INTEROP):
        table.put(row, column, word if word in ("ok", "FAIL") else table.note(word))
    return table.text()


def fault_matrix(reports: list[Any]) -> str:
    """Passed and failed cases: a row per fault, a column per place."""
    cases = {case.name: case for case in every_case()}
    results: list[tuple[Case, bool]] = []
    for report in reports:
        name = report.nodeid.split("@")[0].partition("test_matrix[")[2].rstrip("]")
        if name in cases and (report.when == "call" or report.failed):
            results.append((cases[name], report.passed))
    if not results:
        return ""
    slowest: dict[str, float] = {}
    for fault, milliseconds in _properties(reports, SLOWEST):
        slowest[fault] = max(slowest.get(fault, 0.0), milliseconds)
    columns = [(side, place) for side in SIDES for place in PLACES]
    lines = [f"fault matrix, TBLAB_SEED={SEED}: passed, and failed behind a \"/\"",
             f"{'':24}{'at the sender':35}{'at the receiver':35}slowest call",
             f"{'':24}" + "".join(f"{place:7}" for _, place in columns)]
    for fault in FAULTS:
        line = f"{fault:24}"
        for side, place in columns:
            field = [passed for case, passed in results
                     if (case.fault, case.side, case.place) == (fault, side, place)]
            failed = field.count(False)
            text = f"{field.count(True)}" + (f"/{failed}" if failed else "") if field else "-"
            line += f"{text:7}"
        lines.append((line + (f"{slowest[fault]:.0f} ms" if fault in slowest else "")).rstrip())
    return "\n".join(lines + [f"{len(results)} cases"])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print those that have something in them."""
    reports = all_reports(terminalreporter)
    for text in (interoperability(reports), fault_matrix(reports)):
        if text:
            terminalreporter.write_line("")
            for line in text.splitlines():
                terminalreporter.write_line(line)
