# SPDX-License-Identifier: GPL-2.0-only
"""The driver: splice, tee, vmsplice and sendfile, with pages that are not copied."""

import pytest

from lab import Lab
from lab.host import Host
from tests.support.streams import (MIXED, TRACING, Stream, blocked_in, errnos, good, io, pair, start_io,
                           steps, transfer)

pytestmark = pytest.mark.lab(MIXED)

PAGES = f"{TRACING}/instances/pages"
EVENT = "events/thunderbolt_stream/tbstream_page"

GO = "/tmp/go"


def moves(source: Stream, sink: Stream, write: list[str], read: list[str]) -> None:
    """What these steps write is what those steps read, to the end."""
    reader = start_io(sink.host, sink.opened("r"), *read, "read=eof", "close")
    sent = good(io(source.host, source.opened("w"), *write, "close"))
    done = good(steps(reader.wait(30)))
    sent, received = (sum(step["ret"] for step in some) for some in (sent, done))
    assert sent == received and done[-2]["eof"], f"{write}, {read}: sent {sent}, {done}"


class Pages:
    """Counts the pages that move without being copied, on one host."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def __enter__(self) -> "Pages":
        # A trace of its own: that of all tests is counted at the end
        self.host.run(f"mkdir {PAGES} && echo 1 > {PAGES}/{EVENT}/enable")
        return self

    def __exit__(self, *_: object) -> None:
        self.host.run(f"rmdir {PAGES}")

    def lengths(self, direction: str) -> list[int]:
        """How many bytes each of them had."""
        words = self.host.run(f"awk '/tbstream_page:/ && / {direction} /"
                              f" {{ print $(NF - 1) }}' {PAGES}/trace").stdout.split()
        return [int(word) for word in words]


def test_sendfile_does_not_copy(lab: Lab) -> None:
    """Pages of a file are sent from the page cache; what is unaligned or small is copied."""
    streams = pair(lab)
    expected = {"sendfile-in=1m": [4096] * 256,
                "sendfile-in=64k+512": [3584] + [4096] * 15,
                "sendfile-in=64k+100": [4096] * 15,
                "sendfile-in=9000+4096": [4096] * 2,
                "sendfile-in=64k:1000": [],
                "sendfile-in=5120": [4096, 1024]}
    for source, sink in (streams, streams[::-1]):
        with Pages(source.host) as pages:
            moves(source, sink, list(expected), [])
            assert pages.lengths("out") == sum(expected.values(), []), pages.lengths("out")


LIMITS = ":1,255,256,257,4095,4096,4097,65537"


def test_into_the_device_in_pieces(lab: Lab) -> None:
    """Pipes with pieces of any size and position give the same bytes."""
    streams = pair(lab)
    for source, sink in (streams, streams[::-1]):
        moves(source, sink, ["splice-in=1m", f"splice-in=300001{LIMITS}", "splice-in=200k:64",
                             "splice-in=500k:random=9000", "vmsplice-in=1m",
                             f"vmsplice-in=300001{LIMITS}", "vmsplice-in=100k:1024",
                             "vmsplice-in=40k:700", "sendfile-in=2m+4095:random=20000",
                             "sendfile-in=1m:1,4095,4097,8192"], [])


def test_small_pieces_share_frames(lab: Lab) -> None:
    """Small pieces that are in a pipe together leave together."""
    source, sink = pair(lab)
    before = source.count("tx_frames")
    moves(source, sink, ["vmsplice-in=65536:512"], [])
    # Sixteen pieces of 512 bytes at a time.
    assert source.count("tx_frames") - before == 16, source.count("tx_frames") - before


def test_reading_does_not_copy(lab: Lab) -> None:
    """Pages that were received go into the pipe; small frames are collected."""
    streams = pair(lab)
    for source, sink in (streams, streams[::-1]):
        with Pages(sink.host) as pages:
            moves(source, sink, ["write=1m", "write=1m", "write=40960:2048", "write=40000:500"],
                  ["splice-out=1m", "splice-file=1m", "tee-out=40960", "splice-out=40000"])
            expected = [4096] * 512 + [2048] * 20
            assert pages.lengths("in") == expected, pages.lengths("in")
        with Pages(sink.host) as pages:
            moves(source, sink, ["write=40960"], ["splice-out=40960:3000"])
            # What is left of a frame that was read in part may be large enough.
            assert 4096 not in pages.lengths("in"), pages.lengths("in")


def test_out_of_the_device_in_pieces(lab: Lab) -> None:
    """Frames and pieces of any size give the same bytes, in interrupt and busy-poll mode."""
    for hopid, busy in ((9, 0), (10, 1)):
        streams = pair(lab, hopid, busy_poll=busy)
        for source, sink in (streams, streams[::-1]):
            moves(source, sink, [f"write=300001{LIMITS}", "write=1m", "write=1m:random=9000",
                                 "sendfile-in=1m", "write=200k:random=300"],
                  ["splice-out=300001", f"splice-out=1m{LIMITS}", "tee-out=1m:random=11000",
                   "splice-file=1m", "splice-file=200k"])


def test_pages_in_a_pipe_stay_as_they_are(lab: Lab) -> None:
    """What is in a pipe does not change while the ring goes round, nor when the stream
    is removed."""
    streams = pair(lab, ring_size=32)
    for source, sink in (streams, streams[::-1]):
        reader = start_io(sink.host, sink.opened("r"), "read=1000", "keep=256k", "splice-out=4m",
                          "read=eof", "close", f"await={GO},60000", "kept")
        good(io(source.host, source.opened("w"), "write=8m", "close"))
        sink.wait_state("closed")
        sink.remove()
        sink.host.run(f"touch {GO}")
        done = good(steps(reader.wait(30)))
        assert [step["ret"] for step in done[1:5]] == [1000, 256 << 10, 4 << 20,
                                                       (4 << 20) - (256 << 10) - 1000], done
        assert done[7]["ret"] == 256 << 10, done
        sink.host.run(f"rm {GO}")
        # The other way round needs the stream again.
        streams = tuple(Stream(s.host, s.name).set(ring_size=32, in_hopid=9, out_hopid=9)
                        for s in streams)


def test_unplug(lab: Lab) -> None:
    """Both sides get ENXIO and no EOF, and what is in a pipe stays; then it works again."""
    source, sink = streams = pair(lab)
    start = sink.count("rx_bytes")
    reader = start_io(sink.host, sink.opened("r"), "keep=128k", "splice-out=100g", "close", "kept")
    writer = start_io(source.host, source.opened("w"), "splice-in=100g", "close")
    sink.wait_count("rx_bytes", start + (1 << 20))
    lab.cable.unplug()
    for end, where in ((reader, 2), (writer, 1)):
        done = steps(end.wait(10))
        assert done[where]["errno"] == "ENXIO" and not done[where]["eof"], done
        assert not any("mismatch" in step for step in done), done
        if end is reader:
            assert (done[4]["ret"], done[4]["errno"]) == (128 << 10, None), done
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer(30)
    moves(*streams, ["sendfile-in=300001"], ["splice-out=300001"])
    transfer(streams)


def test_the_other_side_goes(lab: Lab) -> None:
    """A splice gets EPIPE when the reader has gone, and the end when the writer has."""
    source, sink = streams = pair(lab, ring_size=32)
    for step in ("splice-in=1g", "sendfile-in=4m"):
        reader = start_io(sink.host, sink.opened("r"), "splice-out=1m", "close")
        done = io(source.host, source.opened("w"), step, "close")
        assert done[1]["errno"] == "EPIPE" and done[1]["ret"] >= 1 << 20, done
        good(steps(reader.wait(10)))
    reader = start_io(sink.host, sink.opened("r"), "splice-out=1g", "close")
    sink.host.wait_until(blocked_in(reader, "tbstream_splice_read"), 10)
    writer = start_io(source.host, source.opened("w"), "splice-in=1m", "stop")
    sink.host.wait_until(blocked_in(reader, "tbstream_splice_read"), 10)
    writer.kill()
    done = good(steps(reader.wait(10)))
    assert done[1]["eof"], done
    transfer(streams)


def test_without_waiting(lab: Lab) -> None:
    """With O_NONBLOCK what can be moved is moved, then it is EAGAIN."""
    source, sink = pair(lab, ring_size=32)
    reader = start_io(sink.host, sink.opened("r"), f"await={GO},60000", "read=eof", "close")
    writer = start_io(source.host, source.opened("w,nonblock"), "poll=out,30000", "sendfile-in=4m",
                      f"touch={GO}", "close")
    source.host.wait_until(f"test -e {GO}", 20)
    sink.host.run(f"touch {GO}")
    sent, received = steps(writer.wait(20)), good(steps(reader.wait(20)))
    assert errnos(sent) == [None, None, "EAGAIN", None, None], sent
    assert 0 < sent[2]["ret"] == received[2]["ret"] < 4 << 20, (sent, received)
    for host in lab.hosts:
        host.run(f"rm {GO}")


def test_synchronous(lab: Lab) -> None:
    """With O_SYNC sendfile returns when the other host has everything."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r,nonblock"), "splice-out=1", f"await={GO},60000",
                      "splice-out=64k", "splice-out=1", f"touch={GO}.again", "poll=in,30000",
                      "splice-out=1", "close")
    writer = start_io(source.host, source.opened("w,sync"), "sendfile-in=64k", f"touch={GO}",
                      f"await={GO}.end,60000", "close")
    source.host.wait_until(f"test -e {GO}", 20)
    sink.host.run(f"touch {GO}")
    sink.host.wait_until(f"test -e {GO}.again", 20)
    source.host.run(f"touch {GO}.end")
    good(steps(writer.wait(20)))
    done = steps(reader.wait(20))
    assert errnos(done) == [None, "EAGAIN", None, None, "EAGAIN", None, None, None, None], done
    assert done[3]["ret"] == 64 << 10 and done[7]["eof"], done
    for host in lab.hosts:
        host.run(f"rm {GO}*")
