# SPDX-License-Identifier: GPL-2.0-only
"""The driver: each system call on the device, one by one."""

from contextlib import contextmanager
from typing import Any, Iterator

import pytest

from lab import Lab, Packets
from lab.host import Host
from tests.support.streams import (CONTROL, OURS, Stream, blocked_in, check_transfer, errnos, good,
                                   io, nowhere, pair, prepare, start_io, steps)

pytestmark = pytest.mark.lab(OURS)


def test_open_that_must_not_wait(lab: Lab) -> None:
    """O_NONBLOCK: ENXIO without the peer, EINVAL without HopIDs, else it opens."""
    alpha, _ = prepare(lab)
    for how in ("r", "w", "rw"):
        assert errnos(io(alpha, nowhere(alpha).opened(f"{how},nonblock"))) == ["ENXIO"]
        unset = Stream(alpha, f"none{how}")
        assert errnos(io(alpha, unset.opened(f"{how},nonblock"))) == ["EINVAL"]
    source, _ = pair(lab)
    good(io(alpha, source.opened("r,nonblock"), "close"))
    # Only the direction that is opened needs a HopID.
    half = Stream(alpha, "half").set(in_hopid=12)
    assert errnos(io(alpha, half.opened("w,nonblock"))) == ["EINVAL"]
    good(io(alpha, half.opened("r,nonblock"), "close"))


def test_access_mode_3(lab: Lab) -> None:
    """A file that can neither read nor write is EINVAL."""
    source, _ = pair(lab)
    assert errnos(io(source.host, source.opened("3"))) == ["EINVAL"]
    assert errnos(io(source.host, nowhere(source.host).opened("3"))) == ["EINVAL"]


def test_wrong_direction(lab: Lab) -> None:
    """Reading a writer's file and writing a reader's is EBADF."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "write1=1", "fionread", "read=eof")
    done = io(source.host, source.opened("w"), "read1=1", "fionread", "write=10", "close")
    assert errnos(done) == [None, "EBADF", "EBADF", None, None], done
    assert errnos(steps(reader.wait(10))) == [None, "EBADF", None, None]


def test_lseek(lab: Lab) -> None:
    """A stream has no position."""
    source, _ = pair(lab)
    assert errnos(io(source.host, source.opened("rw"), "lseek"))[1] == "ESPIPE"


def test_unknown_ioctl(lab: Lab) -> None:
    """An ioctl that the device does not have is ENOTTY."""
    source, _ = pair(lab)
    result = source.host.run("python3 -c 'import fcntl, os, sys\n"
                             f"fd = os.open(\"{source.device}\", os.O_RDWR)\n"
                             "fcntl.ioctl(fd, 0x5401, bytes(64))'", check=False)
    assert "Errno 25" in result.stderr, result


def test_fionread(lab: Lab) -> None:
    """FIONREAD says how much a read will give at once, up to the next end."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "fionread", "touch=/tmp/open",
                      "await=/tmp/sent,30000", "fionread", "read1=100", "fionread", "read=eof",
                      "fionread")
    sink.host.wait_until("test -e /tmp/open", 10)
    good(io(source.host, source.opened("w"), "write1=5000", "close"))
    sink.wait_count("rx_bytes", 5000)
    sink.host.run("touch /tmp/sent")
    done = good(steps(reader.wait(10)))
    assert [s["ret"] for s in done if s["step"] == "fionread"] == [0, 5000, 4900, 0], done
    sink.host.run("rm /tmp/open /tmp/sent")


def test_read_that_must_not_wait(lab: Lab) -> None:
    """O_NONBLOCK read: EAGAIN before the first byte, then data, then EOF, which stays."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r,nonblock"), "read1=10", "touch=/tmp/open",
                      "poll=in,20000", "read1=100", "read1=100", "await=/tmp/closed,30000",
                      "poll=in+rdhup,0", "read1=100", "read1=100", "poll=in+rdhup,0")
    sink.host.wait_until("test -e /tmp/open", 10)
    writer = start_io(source.host, source.opened("w"), "write=100", "await=/tmp/close,30000",
                      "close")
    sink.wait_count("rx_bytes", 100)
    source.host.run("touch /tmp/close")
    good(steps(writer.wait(10)))
    sink.host.run("touch /tmp/closed")
    done = steps(reader.wait(20))
    assert errnos(done) == [None, "EAGAIN", None, None, None, "EAGAIN", None, None, None, None,
                            None], done
    assert done[3]["events"] == ["in"] and done[4]["ret"] == 100, done
    ended = ["in", "rdhup", "hup"]
    assert done[7]["events"] == ended and done[8]["eof"], done
    assert done[9]["eof"] and done[10]["events"] == ended, done
    sink.host.run("rm /tmp/open /tmp/closed")
    source.host.run("rm /tmp/close")


def test_write_that_must_not_wait(lab: Lab) -> None:
    """O_NONBLOCK write: what fits, then EAGAIN, and room again when it is read."""
    source, sink = pair(lab, ring_size=32)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/full,30000", "read=eof")
    sink.wait_state("open")
    writer = start_io(source.host, source.opened("w,nonblock"), "poll=out,20000",
                      "write=16m:1m", "poll=out,0", "touch=/tmp/full", "poll=out,20000",
                      "write1=1", "close")
    source.host.wait_until("test -e /tmp/full", 20)
    sink.host.run("touch /tmp/full")
    done = steps(writer.wait(20))
    assert errnos(done) == [None, None, "EAGAIN", None, None, None, None, None], done
    assert 0 < done[2]["ret"] < 16 << 20, done
    # Room may have come back while the frames in flight arrived.
    assert done[5]["events"] == ["out"] and done[6]["ret"] == 1, done
    received = good(steps(reader.wait(10)))[2]["ret"]
    assert received == done[2]["ret"] + 1, f"wrote {done[2]['ret']} + 1, received {received}"
    for stream in (source, sink):
        stream.host.run("rm /tmp/full")


def test_calls_with_nowait(lab: Lab) -> None:
    """RWF_NOWAIT on a file that may wait gives EAGAIN instead of waiting."""
    source, sink = pair(lab, ring_size=32)
    reader = start_io(sink.host, sink.opened("r"), "read-nowait=10", "touch=/tmp/open",
                      "poll=in,20000", "read-nowait=100", "read-nowait=100",
                      "await=/tmp/full,30000", "read=eof")
    sink.host.wait_until("test -e /tmp/open", 10)
    # Two rings take 256 KiB, so one of many such calls finds no room.
    writer = start_io(source.host, source.opened("w"), "poll=out,20000", "write-nowait=100",
                      "await=/tmp/more,30000", *["write-nowait=4m"] * 12, "close")
    sink.wait_count("rx_bytes", 100)
    source.host.run("touch /tmp/more")
    source.host.wait_until(blocked_in(writer, "tbstream_flush"), 20)
    sink.host.run("touch /tmp/full")
    done = steps(writer.wait(20))
    assert set(errnos(done)) == {None, "EAGAIN"} and not done[-1]["errno"], done
    assert done[2]["ret"] == 100, done
    written = sum(step["ret"] for step in done[4:])
    assert 0 < written < 4 << 20, done
    received = steps(reader.wait(10))
    assert errnos(received) == [None, "EAGAIN", None, None, None, "EAGAIN", None, None], received
    assert received[4]["ret"] == 100 and received[7]["ret"] == written, (done, received)
    sink.host.run("rm /tmp/open /tmp/full")
    source.host.run("rm /tmp/more")


def test_two_readers(lab: Lab) -> None:
    """Two readers share the bytes, and both see the end."""
    source, sink = pair(lab)
    readers = [sink.host.start(f"cat {sink.device} | wc -c") for _ in range(2)]
    sink.host.wait_until("[ $(pgrep -xc cat) = 2 ] && for p in $(pgrep -x cat); do"
                         " grep -q tbstream_read /proc/$p/stack || exit 1; done", 10)
    good(io(source.host, source.opened("w"), "write=4m:random=30000", "close"))
    counts = [int(reader.wait(10).stdout) for reader in readers]
    assert sum(counts) == 4 << 20, counts
    check_transfer(source, sink, 5000)


def test_poll_events(lab: Lab) -> None:
    """IN, OUT, RDHUP and ERR come when read and write have something to say."""
    source, sink = pair(lab)
    both = start_io(sink.host, sink.opened("rw"), "poll=in+out+rdhup,0", "write-nowait=1",
                    "touch=/tmp/open", "poll=in,20000", "read=100", "touch=/tmp/read",
                    "poll=in+rdhup,20000", "poll=in+out+rdhup,0", "write-nowait=1", "read=eof",
                    "poll=in+out+rdhup,0", "touch=/tmp/ended", "poll=out,20000",
                    "poll=in+out+rdhup,0", "write-nowait=1", "touch=/tmp/written",
                    "await=/tmp/left,30000", "poll=pri,20000", "poll=in+out+rdhup,0",
                    "write-nowait=1", "read-nowait=1", "close")
    sink.host.wait_until("test -e /tmp/open", 10)
    writer = start_io(source.host, source.opened("w"), "write=100", "await=/tmp/go,30000", "close")
    sink.host.wait_until("test -e /tmp/read", 10)
    source.host.run("touch /tmp/go")
    good(steps(writer.wait(10)))
    sink.host.wait_until("test -e /tmp/ended", 10)
    reader = start_io(source.host, source.opened("r"), "read=1", "close")
    good(steps(reader.wait(10)))
    sink.host.wait_until("test -e /tmp/written", 10)
    sink.host.run("touch /tmp/left")
    done = steps(both.wait(20))
    # Nobody reads over there: a write would have to wait.
    assert done[1]["events"] == [] and done[2]["errno"] == "EAGAIN", done[:3]
    assert done[4]["events"] == ["in"] and done[5]["ret"] == 100, done[4:6]
    # The end of one direction is not that of the other.
    assert done[7]["events"] == ["in", "rdhup"] == done[8]["events"], done[7:9]
    assert done[9]["errno"] == "EAGAIN" and done[10]["eof"], done[9:11]
    assert done[11]["events"] == ["in", "rdhup"], done[11]
    # Now there is a reader over there, and now it has gone.
    assert done[13]["events"] == ["out"], done[13]
    assert done[14]["events"] == ["in", "out", "rdhup"], done[14]
    assert done[15]["ret"] == 1, done[15]
    assert done[18]["events"] == ["err"], done[18]
    assert done[19]["events"] == ["in", "out", "rdhup", "err"], done[19]
    assert done[20]["errno"] == "EPIPE" and done[21]["eof"], done[20:]
    # What it wrote has been read, so it did not fail.
    assert not done[22]["errno"], done[22]
    sink.host.run("rm /tmp/open /tmp/read /tmp/ended /tmp/written /tmp/left")
    source.host.run("rm /tmp/go")


def test_edges_of_epoll(lab: Lab) -> None:
    """Who has found nothing, or no room, is told when there is, though it does not ask again."""
    source, sink = pair(lab, ring_size=32)
    reader = start_io(sink.host, sink.opened("r,nonblock"), "edge=in,0", "read-nowait=1000",
                      "touch=/tmp/empty", "edge=in,20000", "read-nowait=1000",
                      "touch=/tmp/some", "edge=in,20000", "await=/tmp/full,30000",
                      "read-idle=20000", "close")
    sink.host.wait_until("test -e /tmp/empty", 10)
    writer = start_io(source.host, source.opened("w,nonblock"), "edge=out,20000", "write=100",
                      "await=/tmp/more,30000", "write=16m:1m", "touch=/tmp/full",
                      "edge=out,20000", "write1=1", "close")
    sink.host.wait_until("test -e /tmp/some", 20)
    source.host.run("touch /tmp/more")
    source.host.wait_until("test -e /tmp/full", 20)
    sink.host.run("touch /tmp/full")
    wrote = steps(writer.wait(40))
    assert errnos(wrote) == [None] * 4 + ["EAGAIN"] + [None] * 4, wrote
    assert wrote[1]["events"] == wrote[6]["events"] == ["out"], wrote
    read = steps(reader.wait(40))
    assert read[1]["events"] == [] and read[2]["errno"] == "EAGAIN", read
    # Less than was asked for says that there is no more, as EAGAIN does.
    assert read[4]["events"] == ["in"] and read[5]["ret"] == 100, read
    assert read[7]["events"] == ["in"] and read[9]["ret"] == wrote[4]["ret"] + 1, read
    sink.host.run("rm /tmp/empty /tmp/some /tmp/full")
    source.host.run("rm /tmp/more /tmp/full")


@contextmanager
def silence(lab: Lab, host: Host) -> Iterator[None]:
    """This host sends no control messages, each of which would wake all who wait."""
    fault = lab.sim.faults.drop(Packets(sender=host.name, uuid=CONTROL, count=None))
    yield
    fault.clear()


def kept_busy(lab: Lab, stream: Stream, peer: Host, mode: str, busy: str, call: str
              ) -> dict[str, Any]:
    """While another call with this step keeps one direction busy, make this one; give what it
    gave when epoll had reported that the other had ended."""
    host, way = stream.host, {"r": "in", "w": "out"}[mode]
    first = start_io(host, "seed=7", stream.opened(mode), f"{busy}=1000,/tmp/busy,/tmp/go,60000",
                     "await=/tmp/done,60000", "close")
    host.wait_until("test -e /tmp/busy", 10)
    other = start_io(host, "seed=8", stream.opened(f"{mode},nonblock"), f"edge={way},20000", call,
                     f"edge={way},0", "touch=/tmp/refused", f"edge={way},20000",
                     "touch=/tmp/reported", call, "close")
    host.wait_until("test -e /tmp/refused", 10)
    with silence(lab, peer):
        host.run("touch /tmp/go")
        host.wait_until("test -e /tmp/reported", 25)
    # With the messages that confirm what was written, for close
    done = steps(other.wait(30))
    assert done[2]["events"] == [way] and done[3]["errno"] == "EAGAIN", done
    assert done[4]["events"] == [], done
    assert done[6]["events"] == [way], f"nothing was reported: {done}"
    host.run("touch /tmp/done")
    assert good(steps(first.wait(20)))[2]["ret"] == 1000
    host.run("rm /tmp/busy /tmp/go /tmp/refused /tmp/reported /tmp/done")
    return done[8]


def test_epoll_reports_what_another_call_kept_busy(lab: Lab) -> None:
    """EAGAIN because another call reads, or writes: epoll reports when that one has ended."""
    source, sink = pair(lab)
    writer = start_io(source.host, "seed=7", source.opened("w"), "write1=1000", "seed=8",
                      "write1=4000", "await=/tmp/end,60000", "close")
    # It is not sent before there is a reader
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/end,60000", "close")
    sink.wait_count("rx_bytes", 5000)
    done = kept_busy(lab, sink, source.host, "r", "late-read", "read-nowait=4000")
    assert done["ret"] == 4000 and "mismatch" not in done, done
    for host, process in ((source.host, writer), (sink.host, reader)):
        host.run("touch /tmp/end")
        good(steps(process.wait(10)))
        host.run("rm /tmp/end")

    reader = start_io(sink.host, "seed=7", sink.opened("r"), "read=1000", "seed=8", "read=eof",
                      "close")
    done = kept_busy(lab, source, sink.host, "w", "late-write", "write-nowait=100")
    assert done["ret"] == 100, done
    assert good(steps(reader.wait(10)))[4]["ret"] == 100


EDGES = """
import os, select, sys
device, way = sys.argv[1:]
fd = os.open(device, os.O_WRONLY if way == "out" else os.O_RDONLY)
r, w = os.pipe()
epoll = select.epoll()
epoll.register(fd, (select.EPOLLOUT if way == "out" else select.EPOLLIN) | select.EPOLLET)

def splice():
    # Pieces that are too small not to be copied
    try:
        if way == "in":
            os.splice(fd, w, 4096, flags=os.SPLICE_F_NONBLOCK)
            return len(os.read(r, 4096)), False
        os.write(w, bytes(600))
        return os.splice(r, fd, 600, flags=os.SPLICE_F_NONBLOCK), True
    except BlockingIOError:
        return 0, False

moved = 0
for name, most in (("/tmp/first", 1000), ("/tmp/second", 10)):
    assert epoll.poll(20), f"nothing was reported before {name}"
    more = True
    while more and most:
        count, more = splice()
        moved += count
        most -= 1
    open(name, "w")
print(moved)
"""


def test_edges_of_epoll_for_splice(lab: Lab) -> None:
    """A splice with SPLICE_F_NONBLOCK that moves less than it was asked, or nothing, lets epoll
    report more, or room."""
    source, sink = pair(lab, ring_size=32)
    for stream in (source, sink):
        stream.host.write_file("/tmp/edges.py", EDGES)
    reader = sink.host.start(f"exec python3 /tmp/edges.py {sink.device} in")
    writer = start_io(source.host, source.opened("w"), "write1=1000", "await=/tmp/more,60000",
                      "write1=500", "await=/tmp/end,60000", "close")
    sink.host.wait_until("test -e /tmp/first", 20)
    source.host.run("touch /tmp/more")
    result = reader.wait(30)
    assert result.stdout.strip() == "1500", result
    source.host.run("touch /tmp/end")
    # The reader has everything, but went before the end
    assert errnos(steps(writer.wait(10)))[:4] == [None] * 4

    reader = sink.host.start(f"exec 3< {sink.device}; until [ -e /tmp/go ]; do sleep 0.05; done;"
                             " wc -c <&3")
    writer = source.host.start(f"exec python3 /tmp/edges.py {source.device} out")
    source.host.wait_until("test -e /tmp/first", 20)
    with silence(lab, sink.host):
        sink.host.run("touch /tmp/go")
        source.host.wait_until("test -e /tmp/second", 20, "room was reported")
    result = writer.wait(30)
    assert result.code == 0, result
    assert reader.wait(20).stdout.strip() == result.stdout.strip(), result
    sink.host.run("rm /tmp/edges.py /tmp/first /tmp/second /tmp/go")
    source.host.run("rm /tmp/edges.py /tmp/first /tmp/second /tmp/more /tmp/end")


def test_zero_bytes(lab: Lab) -> None:
    """A read or write of nothing does nothing, not even wait."""
    source, sink = pair(lab)
    done = good(io(source.host, source.opened("rw"), "read1=0", "write1=0", "read-nowait=0",
                   "write-nowait=0", "close", timeout=10))
    assert [s["ret"] for s in done[1:5]] == [0] * 4 and not done[1]["eof"], done
    reader = start_io(sink.host, sink.opened("r"), "read=eof")
    # Opening for writing, and closing while somebody reads, is a session of no bytes.
    good(io(source.host, source.opened("w"), "poll=out,20000", "write1=0", "close"))
    done = good(steps(reader.wait(10)))
    assert done[1]["ret"] == 0 and done[1]["eof"], done
    check_transfer(source, sink, 10)


def test_fsync_and_o_sync(lab: Lab) -> None:
    """fsync and O_SYNC return when the other host has everything that was written."""
    source, sink = pair(lab)
    for how, write, size in (("w", ("write=300000", "fsync", "write=1", "fdatasync"), 300001),
                             ("w,sync", ("write=50000:4096",), 50000),
                             ("w,dsync", ("write=100",), 100)):
        start = sink.count("rx_bytes")
        # Nobody takes it there, nobody closes here: what has arrived is fsync's work.
        reader = start_io(sink.host, sink.opened("r"), "fsync", "await=/tmp/go,60000", "read=eof")
        writer = start_io(source.host, source.opened(how), *write, "touch=/tmp/synced",
                          "await=/tmp/go,60000", "close")
        source.host.wait_until("test -e /tmp/synced", 20)
        arrived = sink.count("rx_bytes") - start
        assert arrived == size, f"{how}: {arrived} of {size} bytes had arrived"
        for host in lab.hosts:
            host.run("touch /tmp/go")
        good(steps(writer.wait(20)))
        done = steps(reader.wait(20))
        assert done[1]["errno"] == "EINVAL" and done[3]["ret"] == size, done
        for host in lab.hosts:
            host.run("rm -f /tmp/go /tmp/synced")


def test_fsync_waits_for_the_peer(lab: Lab) -> None:
    """While the other host has no room, fsync waits; then it does not return too early."""
    source, sink = pair(lab, ring_size=32)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=100000",
                      "await=/tmp/more,60000", "read=eof")
    writer = start_io(source.host, source.opened("w"), "write=200000", "fsync", "touch=/tmp/synced",
                      "await=/tmp/end,60000", "close")
    source.host.wait_until(blocked_in(writer, "tbstream_confirm"), 10)
    # More than a ring is not there, whatever the controllers hold.
    assert sink.count("rx_bytes") <= 32 * 4096, sink.count("rx_bytes")
    sink.host.run("touch /tmp/go")
    source.host.wait_until("test -e /tmp/synced", 10)
    assert sink.count("rx_bytes") == 200000
    for host in lab.hosts:
        host.run("touch /tmp/more /tmp/end")
    good(steps(writer.wait(10)))
    done = good(steps(reader.wait(10)))
    assert done[2]["ret"] + done[4]["ret"] == 200000, done
    sink.host.run("rm /tmp/go")
    source.host.run("rm /tmp/synced")
    for host in lab.hosts:
        host.run("rm /tmp/more /tmp/end")


def test_fsync_can_be_interrupted(lab: Lab) -> None:
    """fsync and close wait for a peer that has no room, until they are killed."""
    for hopid, step, function in ((9, "fsync", "tbstream_confirm"), (10, "close", "tbstream_flush")):
        source, sink = pair(lab, hopid=hopid, ring_size=32)
        reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "close")
        writer = start_io(source.host, source.opened("w"), "write=200k", step)
        source.host.wait_until(blocked_in(writer, function), 10)
        writer.kill()
        assert writer.wait(5).code == 137
        sink.host.run("touch /tmp/go")
        done = good(steps(reader.wait(20)))
        assert done[2]["ret"] == 200 << 10 and done[2]["eof"], done
        sink.host.run("rm /tmp/go")


def test_splice_and_sendfile(lab: Lab) -> None:
    """Pipes and files can be moved into the device, and the device into pipes."""
    source, sink = pair(lab)
    for write, read in (("splice-in=1m", "read=eof"), ("sendfile-in=1m", "read=eof"),
                        ("write=1m", "splice-out=2m"), ("sendfile-in=100k", "splice-out=1m")):
        reader = start_io(sink.host, sink.opened("r"), read, "close")
        sent = good(io(source.host, source.opened("w"), write, "close"))[1]["ret"]
        done = good(steps(reader.wait(20)))[1]
        assert done["ret"] == sent and done["eof"], f"{write}, {read}: sent {sent}, {done}"


def test_blocked_open_hinders_nobody(lab: Lab) -> None:
    """While an open waits, other streams, devices and directories work."""
    alpha, beta = prepare(lab)
    waiting = [start_io(alpha, stream.opened("rw"))
               for stream in (nowhere(alpha), Stream(alpha, "waits"))]
    for process in waiting:
        alpha.wait_until(blocked_in(process, "tbstream_open"), 10)
    check_transfer(*pair(lab), 100000)
    alpha.run("for f in /dev/cpu_dma_latency /dev/hpet /dev/vga_arbiter /dev/loop-control; do"
              " [ ! -e $f ] || : < $f || exit 1; done", timeout=5)
    good(io(alpha, f"mkdir={nowhere(alpha).directory[:-1]}x", timeout=5))
    # A write to the stream itself is what the open may be waiting for.
    stream = Stream(alpha, "waits").set(in_hopid=12, out_hopid=12)
    good(steps(waiting[1].wait(10)))
    waiting[0].kill("TERM")
    assert waiting[0].wait(5).code == 143
    stream.remove()
