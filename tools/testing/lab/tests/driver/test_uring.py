# SPDX-License-Identifier: GPL-2.0-only
"""The driver: io_uring, which waits by poll and needs no threads of the kernel."""

import pytest

from lab import Lab
from tests.support.streams import (MIXED, Stream, blocked_in, good, io, pair, start_io, steps,
                           transfer)

pytestmark = pytest.mark.lab(MIXED)


def uring(stream: Stream, how: str, *words: str) -> list[str]:
    """Steps that use io_uring, and say in the end how many threads that took."""
    return [stream.opened(how), "uring", *words, "workers", "close"]


def test_reads_and_writes(lab: Lab) -> None:
    """Requests of any size that wait for bytes or for room are done without threads, in
    interrupt and busy-poll mode."""
    for hopid, busy in ((9, 0), (10, 1)):
        streams = pair(lab, hopid, ring_size=32, busy_poll=busy)
        for source, sink in (streams, streams[::-1]):
            reader = start_io(sink.host, *uring(sink, "r", "read=eof:random=11000"))
            sink.host.wait_until(blocked_in(reader, "io_cqring_wait"), 10)
            sent = good(io(source.host, *uring(source, "w", "write=2m:random=300000")))
            done = good(steps(reader.wait(30)))
            assert done[2]["ret"] == 2 << 20 and done[2]["eof"], done
            assert sent[3]["ret"] == done[3]["ret"] == 0, f"threads: {sent[3]}, {done[3]}"


def test_both_directions_at_once(lab: Lab) -> None:
    """Two processes that write and read at the same time both get everything."""
    total = 2 << 20
    ends = [start_io(s.host, *uring(s, "rw", f"duplex={total},{total}:random=20000"))
            for s in pair(lab)]
    for end in ends:
        done = good(steps(end.wait(60)))
        assert (done[2]["ret"], done[2]["read"]) == (total, total), done
        assert done[3]["ret"] == 0, f"threads: {done[3]}"


def test_poll(lab: Lab) -> None:
    """A poll request ends when there is something to read, room, or the end."""
    source, sink = pair(lab)
    reader = start_io(sink.host, *uring(sink, "r", "poll=in,0", "poll=in+rdhup,60000", "read=5000",
                                        "poll=in+rdhup,60000", "read1=1"))
    sink.host.wait_until(blocked_in(reader, "io_cqring_wait"), 10)
    sent = good(io(source.host, *uring(source, "w", "poll=out,60000", "write=5000")))
    done = good(steps(reader.wait(20)))
    assert sent[2]["events"] == ["out"], sent
    assert [done[n]["events"] for n in (2, 3, 5)] == [[], ["in"], ["in", "rdhup", "hup"]], done
    assert done[6]["eof"] and done[7]["ret"] == 0, done


def test_poll_for_the_end(lab: Lab) -> None:
    """Who waits for the end and nothing else sees it, by poll as by io_uring."""
    source, sink = pair(lab)
    for words, function in (((), "do_sys_poll"), (("uring",), "io_cqring_wait")):
        reader = start_io(sink.host, sink.opened("r"), *words, "poll=rdhup,60000", "read1=1")
        sink.host.wait_until(blocked_in(reader, function), 10)
        good(io(source.host, source.opened("w"), "close"))
        done = good(steps(reader.wait(20)))
        assert done[-2]["events"] == ["rdhup", "hup"] and done[-1]["eof"], done


def test_synchronous(lab: Lab) -> None:
    """With O_SYNC a write request waits for the other host, in a thread."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "close")
    done = good(io(source.host, *uring(source, "w,sync", "write=64k")))
    assert done[2]["ret"] == 64 << 10 and done[3]["ret"] > 0, done
    assert good(steps(reader.wait(20)))[1]["ret"] == 64 << 10


def test_what_waits_ends(lab: Lab) -> None:
    """Requests that wait end when the process is killed, the stream removed, the cable
    pulled."""
    killed, removed, pulled = (pair(lab, hopid) for hopid in (9, 10, 11))
    readers = [start_io(sink.host, *uring(sink, "r", "read=eof"))
               for _, sink in (killed, removed, pulled)]
    pollers = [start_io(source.host, *uring(source, "rw", "poll=in,600000"))
               for source, _ in (killed, removed, pulled)]
    for process, host in ((p, h) for ps, h in ((readers, lab.hosts[1]), (pollers, lab.hosts[0]))
                          for p in ps):
        host.wait_until(blocked_in(process, "io_cqring_wait"), 10)
    for process in (readers[0], pollers[0]):
        process.kill()
        assert process.wait(5).code == 137
    for stream in reversed(removed):
        stream.remove()
    assert steps(readers[1].wait(5))[2]["errno"] == "ENODEV"
    # Which of them depends on what it hears first: its peer's end or its own.
    assert {"hup", "err"} & set(steps(pollers[1].wait(5))[2]["events"])
    lab.cable.unplug()
    assert steps(readers[2].wait(10))[2]["errno"] == "ENXIO"
    assert "hup" in steps(pollers[2].wait(10))[2]["events"]
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer(30)
    for streams in (killed, pulled):
        transfer(streams)
