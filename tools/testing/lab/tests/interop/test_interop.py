# SPDX-License-Identifier: GPL-2.0-only
"""Who can talk to whom: our driver on each kernel and the one that Linux 7.3
ships, each with each. One host allocates the HopIDs, the other one adopts them.
What a stock driver at either end makes impossible is pinned: the table that is
printed at the end has a letter for it."""

from typing import Callable

import pytest

from lab import HostSpec, Lab, LabConfig
from lab.host import Host
from tests.support.interop import IDLE_MS, Party, agree, announced, frames, kind, ours, send, settled, write
from tests.support.tables import INTEROP
from tests.support.streams import Stream, blocked_in, errnos, good, prepare, start_io, steps

DRIVERS = {"6.12": {"kernel": "6.12", "driver": "ours"},
           "7.3": {"kernel": "7.3", "driver": "ours"},
           "stock": {"kernel": "7.3", "driver": "stock"}}
PAIRS = (("6.12", "6.12"), ("6.12", "7.3"), ("7.3", "7.3"), ("6.12", "stock"), ("7.3", "stock"))


def between(first: str, second: str) -> LabConfig:
    """A lab for two drivers."""
    # The stock driver stops its rings before its paths.
    tolerate = ("ring-stopped-with-path-enabled",) if "stock" in (first, second) else ()
    return LabConfig((HostSpec("alpha", **DRIVERS[first]), HostSpec("beta", **DRIVERS[second])),
                     tolerate=tolerate)


pytestmark = [pytest.mark.full,
              pytest.mark.lab({f"{first}_{second}": between(first, second)
                               for first, second in PAIRS})]

# Cases: no return value means that all promises are kept, text is a limit -------

Streams = tuple[Stream, Stream]
Case = Callable[[Lab, Stream, Stream], str | None]


def file(_lab: Lab, source: Stream, sink: Stream) -> None:
    """8 MiB of a disk with dd, checksums compared."""
    size = 8 << 20
    # The stock driver gives up what is not taken within 500 ms of its close.
    count, hold = ("cat", "") if ours(source) else (f"head -c {size}", "&& cat /tmp/hold")
    sink.host.run("rm -f /tmp/open")
    reader = sink.host.start(f"exec 3< {sink.device} && touch /tmp/open"
                             f" && {count} <&3 | sha256sum")
    sink.host.wait_until("test -e /tmp/open", 15)
    source.host.run("rm -f /tmp/hold; mkfifo /tmp/hold")
    writer = source.host.start(f"{{ dd if=/dev/vdb bs=64k count={size >> 16} status=none {hold}; }}"
                               f" > {source.device}")
    received = reader.wait(60)
    if hold:
        source.host.run("echo > /tmp/hold")
    sent = writer.wait(30)
    assert sent.code == 0, sent
    expected = source.host.run(f"head -c {size} /dev/vdb | sha256sum").stdout
    assert received.stdout == expected, f"expected {expected}, got {received}"


def duplex(_lab: Lab, left: Stream, right: Stream) -> None:
    """Both send 4 MiB at the same time."""
    total = 4 << 20
    # Frames that come while the stock driver opens are lost for it.
    ends = [Party(stream, "rw", "await=GO,20000", f"duplex={total},{total}", "close")
            for stream in (left, right)]
    for end in ends:
        end.go()
    for end in ends:
        done = good(end.end())
        assert (done[1]["ret"], done[1]["read"]) == (total, total), done


def eof(_lab: Lab, source: Stream, sink: Stream) -> None:
    """The last byte is followed by EOF, whatever the size."""
    for total in (1, 4096, 70000) if ours(source) and ours(sink) else (5000,):
        reader = Party(sink, "r", "read=eof", "close")
        write(source, total)
        done = good(reader.end())
        assert done[0]["eof"] and done[0]["ret"] == total, f"expected {total} bytes: {done}"
        settled(source, sink)


def half_close(_lab: Lab, source: Stream, sink: Stream) -> str | None:
    """A side that has written all reads on what the other one answers."""
    answer = Party(source, "r", "read=eof", "close")
    if ours(source) and ours(sink):
        echo = Party(sink, "rw", "read=eof", "write=7000", "close")
        good(steps(start_io(source.host, source.opened("w"), "write=5000", "close").wait(20)))
        done = good(echo.end())
        assert done[0]["eof"] and done[0]["ret"] == 5000, done
        assert good(answer.end())[0]["ret"] == 7000
        return None
    echo = Party(sink, "rw", "read=5000", f"read-idle={IDLE_MS}", "touch=DONE", "read=eof",
                 "write=7000", "close")
    good(steps(start_io(source.host, source.opened("w"), "write=5000", "close").wait(20)))
    echo.wait_done()
    answer.process.kill()
    done = echo.end()
    assert done[0]["ret"] == 5000 and not done[1]["eof"], done
    assert done[3]["eof"] and not done[3]["ret"], done
    assert done[4]["errno"] == ("EPIPE" if ours(sink) else "ENXIO"), done
    return ("EOF comes when the last file of any mode is closed, and ends both directions:"
            " no answer can be sent after it")


def writer_first(_lab: Lab, source: Stream, sink: Stream) -> str | None:
    """What is written before the reader opens waits for it."""
    total = 100000
    writer = Party(source, "w", f"write={total}", "close")
    if ours(source):
        # In write() against ours, in close() against the stock driver.
        source.host.wait_until(blocked_in(writer.process, "tbstream_"), 20)
    if ours(source) and ours(sink):
        done = good(Party(sink, "r", "read=eof", "close").end())
        assert done[0]["ret"] == total and done[0]["eof"], done
        good(writer.end())
        return None
    if not ours(source):
        good(writer.end())
    reader = Party(sink, "r", f"read-idle={IDLE_MS}", "close")
    done = reader.end()
    good(writer.end() if ours(source) else [])
    if ours(source):
        # Some of it may fall into the time in which the stock side opens.
        assert done[0]["ret"] <= total, done
        return "written before the stock side has opened: may be lost, and close() succeeds"
    assert done[0]["ret"] <= total, done
    return ("the stock driver drops what the other side does not take within 500 ms of its close,"
            " and close() succeeds")


def drain(lab: Lab, source: Stream, sink: Stream) -> str | None:
    """A writer closes while the reader is asleep; all arrives when it wakes up."""
    total = 1500000
    before = frames(lab, sink.host)
    reader = Party(sink, "r", "await=GO,60000", f"read-idle={IDLE_MS}", "close")
    writer = Party(source, "w", f"write={total}", "close")
    if ours(source):
        while frames(lab, sink.host) < before + 200:
            assert writer.process.poll() is None, "the writer has ended before the reader reads"
        reader.go()
        done = good(reader.end())
        good(writer.end())
        assert done[1]["ret"] == total and done[1]["eof"], done
        return None
    good(writer.end())
    reader.go()
    done = good(reader.end())
    assert done[1]["ret"] < total and not done[1]["eof"], done
    return ("the stock driver drops what the other side does not take within 500 ms of its close,"
            " and close() succeeds")


def kept_open(_lab: Lab, source: Stream, sink: Stream) -> str | None:
    """Two sessions, one after the other, while the reader of the first stays open."""
    if ours(sink):
        reader = Party(sink, "r", "read-idle=20000", "touch=DONE", "await=/tmp/next,60000",
                       "read1=1", "close")
        write(source, 5000)
        reader.wait_done()
        following = Party(sink, "r", "read-idle=20000", "close", seed=2)
        write(source, 6000, seed=2)
        taken = good(following.end())
        assert taken[0]["ret"] == 6000 and taken[0]["eof"], taken
        sink.host.run("touch /tmp/next")
        done = good(reader.end())
        sink.host.run("rm /tmp/next")
        assert done[0]["ret"] == 5000 and done[0]["eof"] and done[3]["eof"], done
        return None
    reader = Party(sink, "r", "read-idle=20000", "touch=DONE", "seed=2",
                   f"read-idle={3 * IDLE_MS}", "close")
    write(source, 5000)
    reader.wait_done()
    write(source, 6000, seed=2)
    done = good(reader.end())
    assert done[0]["ret"] == 5000 and done[0]["eof"] and not done[3]["ret"], done
    return ("a stock reader that stays open gets nothing of the next session, and the writer's"
            " close() succeeds")


def reopen(_lab: Lab, left: Stream, right: Stream) -> None:
    """Sessions in turn, one way and the other."""
    for seed in (1, 2) if ours(left) and ours(right) else (1,):
        send(left, right, 5000, seed)
        send(right, left, 5000, seed)


def pages(_lab: Lab, source: Stream, sink: Stream) -> None:
    """From the page cache, and into a pipe, without copying where it is ours."""
    send(source, sink, 300001, how="sendfile-in" if ours(source) else "write",
         read="splice-out" if ours(sink) else "read")


def sessions(_lab: Lab, source: Stream, sink: Stream) -> str | None:
    """Many sessions of one line each, as fast as they will go."""
    if ours(source) and ours(sink):
        count = 40
        reader = sink.host.start(f"for i in $(seq {count}); do cat {sink.device} || exit 1; done")
        source.host.run(f"for i in $(seq {count}); do echo $i > {source.device} || exit 1; done",
                        timeout=60)
        words = reader.wait(30).stdout.split()
        assert words == [str(n) for n in range(1, count + 1)], words
        return None
    for seed in range(3):
        send(source, sink, 10, seed)
    return "one after the other: the reader has to be open before the writer opens"


def unplug(lab: Lab, source: Stream, sink: Stream) -> None:
    """Pulled in the middle of a transfer: ENXIO for both, never EOF, and after the
    replug the same streams work again."""
    before = frames(lab, sink.host)
    reader = Party(sink, "r", "read=eof", "close")
    writer = Party(source, "w", "write=4g", "close")
    while frames(lab, sink.host) < before + 1000:
        assert writer.process.poll() is None, "the writer has ended"
    lab.cable.unplug()
    for end in (reader, writer):
        done = end.end()
        assert errnos(done)[0] == "ENXIO" and not done[0]["eof"], done
        assert "mismatch" not in done[0], done
    for host in lab.hosts:
        host.wait_for_no_peer()
    wire = lab.directory / "replug.pcapng"
    lab.sim.record(wire)
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer()
    announced(lab, wire, source, sink)
    send(source, sink, 5000)
    send(sink, source, 5000)


FORTH: dict[str, Case] = {"file >": file, "duplex": duplex, "EOF >": eof,
                          "half-close >": half_close, "writer first >": writer_first,
                          "drain >": drain, "kept open >": kept_open, "reopen": reopen,
                          "pages >": pages, "sessions >": sessions, "unplug >": unplug}
BACK: dict[str, Case] = {"file <": file, "EOF <": eof, "pages <": pages}

# Rows -------------------------------------------------------------------------

def configure(leader: Host, follower: Host) -> Streams:
    """A stream with automatic HopIDs. The one with HopIDs that were written is only
    for a look."""
    automatic, manual = agree(leader, follower, ("matrix", -1, -1), ("manual", 13, 12))
    assert manual[0].hopids() == (13, 12), manual[0].hopids()
    send(*manual, 5000)
    send(*reversed(manual), 5000)
    for stream in manual:
        stream.remove()
    return automatic


Record = Callable[[str, object], None]


def run_row(lab: Lab, leader: int, record: Record) -> None:
    """All cases between two hosts, on one stream. A failure ends the row. Each result is
    recorded for the table at the end."""
    hosts = prepare(lab)
    first, second = hosts[leader], hosts[1 - leader]
    row = f"{first.name} {kind(first)}, {second.name} {kind(second)}"
    column = "HopIDs"
    try:
        streams = configure(first, second)
        record(INTEROP, (row, column, "ok"))
        for column, case, ends in (
                *((column, case, streams) for column, case in FORTH.items()),
                *((column, case, (streams[1], streams[0])) for column, case in BACK.items())):
            limit = case(lab, *ends)
            settled(*streams)
            record(INTEROP, (row, column, limit or "ok"))
    except AssertionError as error:
        record(INTEROP, (row, column, "FAIL"))
        raise AssertionError(f"{row}: {column}: {error}") from error


def test_alpha_allocates(lab: Lab, record_property: Record) -> None:
    """Every promise is kept, or its limit is the known one; beta adopts."""
    run_row(lab, 0, record_property)


def test_beta_allocates(lab: Lab, record_property: Record) -> None:
    """Every promise is kept, or its limit is the known one; alpha adopts."""
    run_row(lab, 1, record_property)


@pytest.mark.lab(between("stock", "stock"))
def test_stock_on_both_sides(lab: Lab, record_property: Record) -> None:
    """For comparison: the same limits without us."""
    run_row(lab, 0, record_property)
