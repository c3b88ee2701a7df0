# SPDX-License-Identifier: GPL-2.0-only
"""The fault matrix: what happens x at which host x when.

Each field is a session, or one in each direction, that a fault hits. Whatever it is,
the reader gets what was written and EOF, or the beginning of it and an error; fsync
and close say 0 only for what the reader gets; every call returns in time; and the next
session works. Rows, columns and sizes are in matrix/cases.py.

    tblab test tests/faults                 every second field
    tblab test --slow tests/faults          all, several times
    TBLAB_SEED=7 tblab test --slow -k drop_at_sender_close_2       one of them"""

import random
from typing import Any, Callable, Iterator

import pytest

from lab import Lab, LabFailure
from tests.support.matrix.cases import (BREAKING, FAULTS, HARMLESS, INTERRUPT_FAULTS, SEED, Case,
                                        every_case, is_reduced)
from tests.support.matrix.inject import HOPID, inject
from tests.support.matrix.recover import recover
from tests.support.matrix.session import Session, judge, judge_time
from tests.support.tables import SLOWEST
from tests.support.streams import AMD, MIXED, Stream, blocked_in, pair, transfer

pytestmark = [pytest.mark.full, pytest.mark.lab(MIXED)]

# Seconds, times lab.scale, in which every call has to return.
TIMES = {fault: 5.0 for fault in FAULTS} | {fault: 1.0 for fault in INTERRUPT_FAULTS}
# For processes to start and to be looked at
MARGIN = 10.0
# What the system call sleeps in, for faults that come while it does
SLEEPS_IN = {"fsync": "tbstream_confirm", "close": "tbstream_flush"}


def _sessions(case: Case, streams: tuple[Stream, Stream]) -> list[Session]:
    """What runs; the first session is the one that is hit."""
    source, sink = streams
    plan = case.plan()
    held = case.by_message and case.place != "start"
    sessions = [Session(source, sink, plan, case.place, hold=held,
                        confirm=case.by_message and case.place in ("start", "middle", "last"))]
    if case.both_ways:
        # "At the receiver" of the other one: what that host sends is hit
        sessions.insert(0, Session(sink, source, plan, case.place))
    return sessions


def _start(case: Case, lab: Lab, sessions: list[Session], rng: random.Random) -> None:
    """Start all of it, and let the fault come in the call that it shall come in."""
    hit = sessions[0]
    waits = case.place in SLEEPS_IN and not case.by_message and hit.plan.fits(
        hit.plan.first if case.place == "fsync" else hit.plan.total)
    if waits:
        lab.sim.faults.stall(hit.source.host.name, traffic="data")
    for session in sessions:
        session.start(reader_first=rng.random() < 0.5)
    if waits:
        assert hit.writer
        hit.source.host.wait_until(blocked_in(hit.writer, SLEEPS_IN[case.place]), 20)
        lab.sim.faults.release(hit.source.host.name)


def _judge(case: Case, lab: Lab, sessions: list[Session]) -> None:
    """What has to be true of this case."""
    for session in sessions:
        judge(session, reader_fails=case.fault == "controller_dies" and case.side == "receiver")
        judge_time(lab, session, TIMES[case.fault])
        if case.fault in HARMLESS:
            assert session.whole, f"nothing may be missing after this\n{session}"
    hit = sessions[0]
    if case.fault in BREAKING:
        assert hit.read["errno"] == "EIO", f"the reader was not told\n{hit}"


def run(case: Case, lab: Lab) -> float:
    """One case, from open to the next session. How long its slowest call took, in ms."""
    rng = case.chance("order")
    ordered = pair(lab, HOPID, ring_size=case.plan().ring_size)
    source, sink = ordered if rng.random() < 0.5 else ordered[::-1]
    if case.fault == "controller_dies":
        # The core says that it cannot reach its hardware any more
        lab.expect_log("nhi|thunderbolt|ring|MSI|pci")
    sessions = _sessions(case, (source, sink))
    hit = sessions[0]
    if case.by_message and case.place != "start":
        _start(case, lab, sessions, rng)
        hit.wait_reached()
        fault = inject(case, lab, hit, rng)
        hit.go()
    else:
        fault = inject(case, lab, hit, rng)
        _start(case, lab, sessions, rng)
    fault.wait(20)
    for session in sessions:
        session.finish(TIMES[case.fault] + MARGIN)
        session.clean()
    _judge(case, lab, sessions)
    recover(case, lab, source if case.side == "sender" else sink)
    transfer((source, sink), 20000)
    return max(session.slowest["ms"] for session in sessions)


def _parameters() -> Iterator[Any]:
    """The cases, those beyond the reduced matrix marked slow."""
    for case in every_case():
        marks = [] if is_reduced(case) else [pytest.mark.slow]
        if case.fault in INTERRUPT_FAULTS and case.variant == 2:
            marks.append(pytest.mark.lab(AMD))
        yield pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", _parameters())
def test_matrix(case: Case, lab: Lab, record_property: Callable[[str, object], None]) -> None:
    """The property of all cases holds for this one."""
    try:
        slowest = run(case, lab)
    except AssertionError as error:
        raise LabFailure(f"TBLAB_SEED={SEED} {case.plan()}\n{error}") from error
    record_property(SLOWEST, (case.fault, slowest))
