# SPDX-License-Identifier: GPL-2.0-only
"""A session of the fault matrix: a writer, a reader, and what has to be true of them."""

import itertools
from typing import Any

from lab import Lab, LabFailure
from lab.host import Process
from tests.support.matrix.cases import Plan
from tests.support.streams import Stream, start_io, steps

_numbers = itertools.count(1)

Step = dict[str, Any]


class Session:
    """One direction of a stream from open to close.

    With `hold` the writer stops between its two parts until go()."""

    def __init__(self, source: Stream, sink: Stream, plan: Plan, place: str,
                 confirm: bool = False, hold: bool = False) -> None:
        """`confirm`: the writer asks for each call to be confirmed."""
        number = next(_numbers)
        self.source, self.sink, self.plan = source, sink, plan
        self.reached, self.may_go = f"/tmp/reached{number}", f"/tmp/go{number}"
        parts = [f"write={plan.first}:{plan.call}"]
        if hold:
            parts += [f"touch={self.reached}", f"await={self.may_go},60000"]
        if place == "fsync":
            parts.append("fsync")
        if plan.total > plan.first:
            parts.append(f"write={plan.total - plan.first}:{plan.call}")
        self._write = (f"seed={plan.seed}", source.opened("w,dsync" if confirm else "w"), *parts,
                       "close")
        self._read = (f"seed={plan.seed}", sink.opened("r"),
                      f"read=eof:{1 + plan.seed % 70000}", "close")
        self.writer: Process | None = None
        self.reader: Process | None = None
        self.wrote: list[Step] = []
        self.done: list[Step] = []

    def start(self, reader_first: bool) -> None:
        """Both ends, in this order."""
        for reads in (reader_first, not reader_first):
            if reads:
                self.reader = start_io(self.sink.host, *self._read)
            else:
                self.writer = start_io(self.source.host, *self._write)

    def wait_reached(self) -> None:
        """Until the writer holds."""
        self.source.host.wait_until(f"test -e {self.reached}", 20, "the writer has come half way")

    def go(self) -> None:
        """Let the writer go on."""
        self.source.host.run(f"touch {self.may_go}")

    def finish(self, timeout: float) -> None:
        """Both ends have to return in time."""
        assert self.writer and self.reader
        problem = None
        for end in (self.writer, self.reader):
            try:
                result = end.wait(timeout)
            except LabFailure as error:
                problem = problem or error
                continue
            if end is self.writer:
                self.wrote = steps(result)
            else:
                self.done = steps(result)
        if problem:
            raise LabFailure(f"{problem}\n{self}") from problem

    def clean(self) -> None:
        """Remove what the ends have left."""
        self.source.host.run(f"rm -f {self.reached} {self.may_go}")

    # What is known now ------------------------------------------------

    def __str__(self) -> str:
        lines = [f"{self.source.host.name} writes, {self.sink.host.name} reads"]
        return "\n".join(lines + [f"writer: {step}" for step in self.wrote]
                         + [f"reader: {step}" for step in self.done])

    @property
    def accepted(self) -> int:
        """Bytes that write() said it took."""
        return sum(step["ret"] for step in self.wrote if step["step"].startswith("write="))

    @property
    def confirmed(self) -> int:
        """Bytes that fsync or close said have arrived."""
        known = seen = 0
        for step in self.wrote:
            if step["step"].startswith("write="):
                seen += step["ret"]
            elif step["step"] in ("fsync", "close") and not step["errno"]:
                known = seen
        return known

    @property
    def read(self) -> Step:
        """The step that reads."""
        return self.done[2]

    @property
    def closed(self) -> Step:
        """The writer's close."""
        return self.wrote[-1]

    @property
    def whole(self) -> bool:
        """Nothing went wrong."""
        return (not any(step["errno"] for step in self.wrote + self.done) and self.read["eof"]
                and self.read["ret"] == self.plan.total)

    @property
    def slowest(self) -> Step:
        """The call that took longest."""
        return max((step for step in self.wrote + self.done
                    if not step["step"].startswith("await=")), key=lambda step: step["ms"])


def judge(session: Session, reader_fails: bool) -> None:
    """The property that holds whatever happens. `reader_fails`: the reader's host has."""
    read = session.read
    assert "mismatch" not in read, f"the reader got other bytes\n{session}"
    assert read["ret"] <= session.accepted, f"the reader got more than was written\n{session}"
    if read["errno"] is None:
        assert read["eof"], f"neither EOF nor an error\n{session}"
        assert read["ret"] == session.accepted, f"EOF after a part of it\n{session}"
    if reader_fails:
        return
    assert read["ret"] >= session.confirmed, f"confirmed bytes were not read\n{session}"
    if session.closed["errno"] is None:
        assert read["errno"] is None and read["ret"] == session.accepted, \
            f"close has said that all arrived, and it did not\n{session}"


def judge_time(lab: Lab, session: Session, seconds: float) -> None:
    """No call took longer than that."""
    slow = session.slowest
    assert slow["ms"] <= seconds * 1000 * lab.scale, \
        f"a call took longer than {seconds} s x {lab.scale:.1f}: {slow}\n{session}"
