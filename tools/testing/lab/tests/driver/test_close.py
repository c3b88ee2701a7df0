# SPDX-License-Identifier: GPL-2.0-only
"""The driver: ends of sessions that nobody planned."""

import pytest

from lab import Lab
from tests.support.streams import OURS, blocked_in, check_transfer, errnos, good, io, pair, start_io, steps

pytestmark = pytest.mark.lab(OURS)


def test_reader_killed(lab: Lab) -> None:
    """The writer gets EPIPE at once; the next session is clean."""
    source, sink = pair(lab)
    for _ in range(3):
        reader = start_io(sink.host, sink.opened("r"), "read=1m", "touch=/tmp/read",
                          "read=1g")
        writer = start_io(source.host, source.opened("w"), "write=4g", "close")
        sink.host.wait_until("test -e /tmp/read", 20)
        reader.kill()
        reader.wait(10)
        done = steps(writer.wait(10))
        assert done[1]["errno"] == "EPIPE", done
        # Bytes that the reader never took are lost, and close may say so.
        assert done[2]["errno"] in (None, "EIO"), done
        sink.host.run("rm /tmp/read")
        check_transfer(source, sink, 200000, seed=51)
        check_transfer(sink, source, 200000, seed=52)


def test_reader_killed_while_the_writer_waits(lab: Lab) -> None:
    """A writer that sleeps because nobody reads wakes with EPIPE."""
    source, sink = pair(lab, ring_size=32)
    reader = start_io(sink.host, sink.opened("r"), "read=4096", "await=/tmp/never,60000")
    writer = start_io(source.host, source.opened("w"), "write=16m", "close")
    source.host.wait_until(blocked_in(writer, "tbstream_write_iter"), 20)
    reader.kill()
    done = steps(writer.wait(5))
    assert done[1]["errno"] == "EPIPE", done
    check_transfer(source, sink, 200000, seed=53)


def test_writer_killed(lab: Lab) -> None:
    """The reader gets all that was accepted, then EOF; the next session is clean."""
    source, sink = pair(lab)
    for _ in range(3):
        before = source.count("tx_bytes")
        reader = start_io(sink.host, sink.opened("r"), "read=eof", "close")
        writer = start_io(source.host, source.opened("w"), "write=4g")
        sink.wait_count("rx_bytes", sink.count("rx_bytes") + (1 << 20))
        writer.kill()
        writer.wait(10)
        done = good(steps(reader.wait(20)))
        accepted = source.count("tx_bytes") - before
        assert done[1]["eof"] and done[1]["ret"] == accepted, \
            f"accepted {accepted} bytes, received {done[1]}"
        check_transfer(source, sink, 200000, seed=54)


def test_both_killed(lab: Lab) -> None:
    """Killed on both sides in the middle of a transfer, the next one is clean."""
    source, sink = pair(lab)
    for first in (0, 1):
        start = sink.count("rx_bytes")
        ends = [start_io(sink.host, sink.opened("rw"), "duplex=1g,1g"),
                start_io(source.host, source.opened("rw"), "duplex=1g,1g")]
        sink.wait_count("rx_bytes", start + 500000)
        ends[first].kill()
        ends[1 - first].kill()
        for end in ends:
            end.wait(10)
        for stream in (source, sink):
            stream.wait_state("closed", 15)
        check_transfer(source, sink, 200000, seed=55)
        check_transfer(sink, source, 200000, seed=56)


def test_slow_reader_loses_nothing(lab: Lab) -> None:
    """dd waits for a reader that sleeps, however long, and all bytes arrive."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "read=64k", "await=/tmp/go,60000", "read=eof")
    writer = start_io(source.host, source.opened("w"), "write=8m:256k", "close")
    source.host.wait_until(blocked_in(writer, "tbstream_write_iter"), 20)
    # Long enough for the half second after which others give up.
    sink.host.run("sleep 2")
    assert writer.poll() is None, "the writer did not wait"
    sink.host.run("touch /tmp/go")
    good(steps(writer.wait(20)))
    assert good(steps(reader.wait(10)))[3]["ret"] == (8 << 20) - 65536
    sink.host.run("rm /tmp/go")


def test_stopped_reader(lab: Lab) -> None:
    """A reader stopped by SIGSTOP and continued gets every byte."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "read=5m", "stop", "read=5m", "stop",
                      "read=eof")
    writer = start_io(source.host, source.opened("w"), "write=24m:64k", "close")
    for _ in range(2):
        sink.host.wait_until(f"grep -q 'State:.T' /proc/{reader.pid}/status", 10)
        source.host.wait_until(blocked_in(writer, "tbstream_write_iter"), 10)
        reader.kill("CONT")
        sink.host.wait_until(f"! grep -q 'State:.T' /proc/{reader.pid}/status"
                             f" || [ $(cat {sink.sysfs}/rx_bytes) -gt $((8 << 20)) ]", 10)
    good(steps(writer.wait(30)))
    done = good(steps(reader.wait(10)))
    assert done[1]["ret"] + done[3]["ret"] + done[5]["ret"] == 24 << 20, done


def test_close_waits_for_the_reader(lab: Lab) -> None:
    """close() returns when the last byte has left, not before."""
    source, sink = pair(lab, ring_size=32)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof")
    sink.wait_state("open")
    # 128 KiB here, 128 KiB there and some on the way: it fits in the two rings.
    writer = start_io(source.host, source.opened("w"), "write=200k", "close")
    source.host.wait_until(blocked_in(writer, "tbstream_flush"), 10)
    sink.host.run("sleep 1.5")
    assert writer.poll() is None, "close did not wait"
    sink.host.run("touch /tmp/go")
    good(steps(writer.wait(10)))
    assert good(steps(reader.wait(10)))[2]["ret"] == 200 << 10
    sink.host.run("rm /tmp/go")


def test_linger_gives_up(lab: Lab) -> None:
    """If the reader takes nothing, close returns EIO after `linger`, and the loss is counted.
    The reader gets what had arrived, then EIO."""
    source, sink = pair(lab, ring_size=32)
    source.set(linger=500)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "close")
    done = io(source.host, source.opened("w"), "write=200000", "close")
    assert errnos(done) == [None, None, "EIO"], done
    assert 400 < done[2]["ms"] < 500 + 3000 * lab.scale, done
    sink.host.run("touch /tmp/go")
    read = steps(reader.wait(10))[2]
    sink.host.run("rm /tmp/go")
    lost = source.count("tx_lost_bytes")
    assert read["errno"] == "EIO" and "mismatch" not in read, read
    assert lost > 0 and read["ret"] + lost == 200000, f"{lost} bytes lost, {read}"
    source.wait_state("closed")
    check_transfer(source, sink, 5000, seed=57)
    check_transfer(sink, source, 5000, seed=58)


def test_drain_gives_up(lab: Lab) -> None:
    """What a killed writer leaves is given up after `linger`, and counted; the reader gets EIO."""
    source, sink = pair(lab, ring_size=32)
    source.set(linger=500)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "close")
    writer = start_io(source.host, source.opened("w"), "write=200000", "touch=/tmp/written",
                      "await=/tmp/never,60000")
    source.host.wait_until("test -e /tmp/written", 10)
    writer.kill()
    writer.wait(10)
    source.wait_state("closed", 10)
    sink.host.run("touch /tmp/go")
    read = steps(reader.wait(10))[2]
    assert read["errno"] == "EIO" and "mismatch" not in read, read
    assert read["ret"] + source.count("tx_lost_bytes") == 200000, read
    sink.host.run("rm /tmp/go")
    source.host.run("rm /tmp/written")
    check_transfer(source, sink, 5000, seed=59)


def test_close_without_a_byte_does_not_wait(lab: Lab) -> None:
    """Who has written nothing does not wait for a reader, who reads the end when it comes."""
    source, sink = pair(lab)
    done = good(io(source.host, source.opened("w"), "close"))
    assert done[1]["ms"] < 1000 * lab.scale, done
    done = good(io(sink.host, sink.opened("r"), "read=eof", "close"))
    assert (done[1]["ret"], done[1]["eof"]) == (0, True), done
    check_transfer(source, sink, 5000, seed=60)


def test_only_the_last_close_ends_the_session(lab: Lab) -> None:
    """A shell that redirects several commands makes one session of them."""
    source, sink = pair(lab)
    reader = sink.host.start(f"cat {sink.device}")
    source.host.run(f"{{ echo a; cat /dev/null; echo b; (echo c); }} > {source.device}")
    assert reader.wait(10).stdout == "a\nb\nc\n"
