# SPDX-License-Identifier: GPL-2.0-only
"""The driver: bytes that go in at one end come out at the other."""

import base64
import gzip
import struct

import pytest

from lab import Lab
from tests.support.streams import (OURS, blocked_in, check_transfer, good, io, pair, prepare, start_io,
                           steps, transfer)

pytestmark = pytest.mark.lab(OURS)


def test_sizes_around_every_limit(lab: Lab) -> None:
    """Transfers of 0 bytes to 1 MiB, around the limits of frames, arrive exactly."""
    streams = pair(lab)
    for seed, total in enumerate((0, 1, 255, 256, 257, 4095, 4096, 4097, 1 << 20)):
        check_transfer(*streams, total, write=":4m", seed=seed)


def test_write_and_read_sizes(lab: Lab) -> None:
    """Write and read calls of any size on either side give the same bytes."""
    streams = pair(lab)
    limits = ":1,255,256,257,4095,4096,4097,65537"
    check_transfer(*streams, 1 << 20, write=limits, read=":4096", seed=21)
    check_transfer(*streams, 1 << 20, write=":4096", read=limits, seed=22)
    check_transfer(*streams, 2 << 20, write=":random=9000", read=":random=11000", seed=23)
    check_transfer(*reversed(streams), 2 << 20, write=":random=300", read=":random=70000", seed=24)


def test_both_directions_at_once(lab: Lab) -> None:
    """Two processes that write and read at the same time both get everything."""
    left, right = pair(lab)
    forth, back = 24 << 20, (16 << 20) + 1
    ends = [start_io(s.host, s.opened("rw"), f"duplex={w},{r}:random=20000", "close")
            for s, w, r in ((left, forth, back), (right, back, forth))]
    for end, written, read in zip(ends, (forth, back), (back, forth)):
        done = good(steps(end.wait(60)))
        assert (done[1]["ret"], done[1]["read"]) == (written, read), done[1]


def test_256_mib(lab: Lab) -> None:
    """256 MiB arrive with every byte in its place."""
    check_transfer(*pair(lab), 256 << 20, write=":256k", read=":256k", timeout=120)


def test_two_streams_at_once(lab: Lab) -> None:
    """Two streams in opposite directions do not mix."""
    one = pair(lab, hopid=9)
    two = pair(lab, hopid=10)
    total = 16 << 20
    readers = [start_io(one[1].host, "seed=31", one[1].opened("r"), "read=eof"),
               start_io(two[0].host, "seed=32", two[0].opened("r"), "read=eof")]
    writers = [start_io(one[0].host, "seed=31", one[0].opened("w"), f"write={total}", "close"),
               start_io(two[1].host, "seed=32", two[1].opened("w"), f"write={total}", "close")]
    for writer in writers:
        good(steps(writer.wait(60)))
    for reader in readers:
        assert good(steps(reader.wait(30)))[2]["ret"] == total


def test_200_sessions(lab: Lab) -> None:
    """200 times `echo i` against 200 times `cat`: each line arrives once, in order."""
    source, sink = pair(lab)
    reader = sink.host.start(
        f"for i in $(seq 200); do cat {sink.device} || exit 1; echo .; done")
    source.host.run(f"for i in $(seq 200); do echo $i > {source.device} || exit 1; done",
                    timeout=120)
    result = reader.wait(60)
    assert result.code == 0, result
    words = result.stdout.split()
    lines = [word for word in words if word != "."]
    assert lines == [str(i) for i in range(1, 201)], f"expected 1 to 200, got {words}"


def test_sessions_stay_apart(lab: Lab) -> None:
    """`echo a > d; echo b > d` against `cat d > 1; cat d > 2` loses and mixes nothing."""
    source, sink = pair(lab)
    for _ in range(5):
        reader = sink.host.start(f"cat {sink.device} > /tmp/1; cat {sink.device} > /tmp/2")
        source.host.run(f"echo a > {source.device}; echo b > {source.device}", timeout=10)
        reader.wait(10)
        assert sink.host.run("cat /tmp/1; echo .; cat /tmp/2").stdout == "a\n.\nb\n"
    sink.host.run("rm /tmp/1 /tmp/2")


def test_several_writers(lab: Lab) -> None:
    """Writes of up to 4096 bytes by several processes do not tear each other."""
    source, sink = pair(lab)
    writers, records = 3, 200
    reader = sink.host.start(f"cat {sink.device} > /tmp/records")
    holder = start_io(source.host, source.opened("w"), "await=/tmp/written,60000", "close")
    processes = [start_io(source.host, source.opened("w"), f"records={n},{records},4096", "close")
                 for n in range(writers)]
    for process in processes:
        good(steps(process.wait(60)))
    source.host.run("touch /tmp/written")
    good(steps(holder.wait(30)))
    assert reader.wait(30).code == 0
    source.host.run("rm /tmp/written")

    # The shared folder may be gone: it does not survive that a host sleeps.
    packed = sink.host.run("gzip -c /tmp/records | base64 -w 0").stdout
    data = gzip.decompress(base64.b64decode(packed))
    sink.host.run("rm /tmp/records")
    expected = dict.fromkeys(range(writers), 0)
    offset = 0
    while offset < len(data):
        magic, writer, number, length = struct.unpack_from("=4I", data, offset)
        assert magic == 0x74627265, f"no record begins at {offset}: {data[offset:offset + 32]!r}"
        assert number == expected[writer], \
            f"expected record {expected[writer]} of writer {writer}, got {number} at {offset}"
        body = data[offset + 16:offset + length]
        assert body == bytes([writer * 16 + number % 16]) * (length - 16), \
            f"record {number} of writer {writer} at {offset} is torn"
        expected[writer] += 1
        offset += length
    assert expected == dict.fromkeys(range(writers), records), expected


def test_writer_first_loses_nothing(lab: Lab) -> None:
    """A writer that is there before any reader waits for one."""
    source, sink = pair(lab)
    for total in (6, 300000):
        writer = start_io(source.host, source.opened("w"), f"write={total}", "close")
        source.host.wait_until(blocked_in(writer, "tbstream_write"), 10)
        done = good(io(sink.host, sink.opened("r"), "read=eof", "close"))
        assert done[1]["ret"] == total, f"expected {total} bytes: {done[1]}"
        good(steps(writer.wait(10)))


def test_reader_first_waits(lab: Lab) -> None:
    """A reader that opens first waits for bytes; it gets no EOF before them."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "touch=/tmp/open", "read=eof", "close")
    sink.host.wait_until("test -e /tmp/open", 10)
    sink.host.wait_until(f"grep -q tbstream_read /proc/{reader.pid}/stack", 10)
    good(io(source.host, source.opened("w"), "write=100", "close"))
    assert good(steps(reader.wait(10)))[2]["ret"] == 100
    sink.host.run("rm /tmp/open")


def test_ring_sizes(lab: Lab) -> None:
    """The smallest and the largest ring work, also against each other."""
    for sizes in ((32, 32), (4096, 4096), (32, 4096)):
        streams = pair(lab)
        for stream, size in zip(streams, sizes):
            stream.set(ring_size=size)
        check_transfer(*streams, 20 << 20)
        check_transfer(*reversed(streams), 20 << 20)
        for stream in streams:
            stream.remove()


def test_throttling(lab: Lab) -> None:
    """Interrupts without and with the longest pause lose nothing."""
    for throttling in (0, 16776960):
        streams = pair(lab, throttling=throttling)
        check_transfer(*streams, 4 << 20)
        check_transfer(*reversed(streams), 4 << 20)
        for stream in streams:
            stream.remove()


def test_busy_poll(lab: Lab) -> None:
    """Polling readers get the same bytes, and sleep when nothing comes."""
    source, sink = streams = pair(lab, busy_poll=1)
    check_transfer(*streams, 8 << 20, write=":random=20000")
    check_transfer(*reversed(streams), 8 << 20)
    reader = start_io(sink.host, sink.opened("r"), "poll=in,20000", "read=100", "read=eof")
    sink.host.wait_until(f"grep -q poll /proc/{reader.pid}/stack", 10)
    good(io(source.host, source.opened("w"), "write=100", "close"))
    done = good(steps(reader.wait(10)))
    assert done[1]["events"] == ["in"] and done[2]["ret"] == 100 and done[3]["ret"] == 0, done


def test_works_without_configuring_again(lab: Lab) -> None:
    """Alternating directions, one session after the other."""
    prepare(lab)
    streams = pair(lab)
    for _ in range(3):
        transfer(streams, 100000)
