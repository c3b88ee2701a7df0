# SPDX-License-Identifier: GPL-2.0-only
"""The driver: how sessions between two of ours begin and end."""

import pytest

from lab import Frames, Lab, Packets
from lab.host import Host
from tests.support.streams import (CONTROL, MIXED, OURS, Stream, blocked_in, check_transfer, errnos, good,
                           io, pair, prepare, start_io, steps, trace_tunnels, transfer,
                           tunnels_balance)

pytestmark = pytest.mark.lab(OURS)


def check_synced(source: Stream, sink: Stream) -> None:
    """fsync returns, and every byte has arrived then, read or not."""
    start = sink.count("rx_bytes")
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "close")
    writer = start_io(source.host, source.opened("w"), "write=300000", "fsync",
                      "touch=/tmp/synced", "await=/tmp/go,60000", "close")
    source.host.wait_until("test -e /tmp/synced", 20)
    arrived = sink.count("rx_bytes") - start
    assert arrived == 300000, f"{arrived} of 300000 bytes had arrived"
    for host in (source.host, sink.host):
        host.run("touch /tmp/go")
    good(steps(writer.wait(20)))
    done = good(steps(reader.wait(20)))
    assert done[2]["ret"] == 300000 and done[2]["eof"], done
    for host in (source.host, sink.host):
        host.run("rm -f /tmp/go /tmp/synced")


def test_half_close(lab: Lab) -> None:
    """Who has ended what he writes goes on reading, and gets the answer."""
    streams = pair(lab)
    for asks, answers in (streams, streams[::-1]):
        answer = start_io(asks.host, "seed=2", asks.opened("r"), "read=eof", "close")
        question = start_io(answers.host, "seed=1", answers.opened("r"), "read=eof", "close")
        good(io(asks.host, "seed=1", asks.opened("w"), "write=100000", "close"))
        done = good(steps(question.wait(10)))
        assert done[2]["ret"] == 100000 and done[2]["eof"], done
        assert answer.poll() is None, "the end of one direction ended the other"
        good(io(answers.host, "seed=2", answers.opened("w"), "write=50000", "close"))
        done = good(steps(answer.wait(10)))
        assert done[2]["ret"] == 50000 and done[2]["eof"], done


def test_writer_returns_while_the_old_reader_is_open(lab: Lab) -> None:
    """Session after session, each for its own reader, though the ones before stay open."""
    source, sink = pair(lab)
    stayed = []
    for seed in range(3):
        reader = start_io(sink.host, f"seed={seed}", sink.opened("r"), "read=eof",
                          f"touch=/tmp/ended{seed}", "await=/tmp/leave,60000", "read=eof", "close")
        stayed.append(reader)
        good(io(source.host, f"seed={seed}", source.opened("w"), "write=30000", "close"))
        sink.host.wait_until(f"test -e /tmp/ended{seed}", 10)
        tunnels_balance(source.host)
    sink.host.run("touch /tmp/leave")
    for reader in stayed:
        done = good(steps(reader.wait(10)))
        assert done[2]["ret"] == 30000 and done[2]["eof"], done
        assert done[5]["ret"] == 0 and done[5]["eof"], f"the end did not stay: {done}"
    sink.host.run("rm /tmp/leave /tmp/ended*")


def test_reader_returns_to_a_writer_that_stayed(lab: Lab) -> None:
    """A reader that left before the first byte costs the writer nothing, however long ago."""
    source, sink = pair(lab)
    writer = start_io(source.host, source.opened("w"), "poll=out,20000", "touch=/tmp/ready",
                      "await=/tmp/left,60000", "write=30000", "close")
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/leave,60000", "close")
    source.host.wait_until("test -e /tmp/ready", 10)
    sink.host.run("touch /tmp/leave")
    good(steps(reader.wait(10)))
    tunnels_balance(sink.host)
    source.host.run("touch /tmp/left")
    source.host.wait_until(blocked_in(writer, "tbstream_write_iter"), 10)
    done = good(io(sink.host, sink.opened("r"), "read=eof", "close"))
    assert done[1]["ret"] == 30000 and done[1]["eof"], done
    good(steps(writer.wait(10)))
    source.host.run("rm /tmp/ready /tmp/left")
    sink.host.run("rm /tmp/leave")


def test_next_writer_is_not_told_of_the_last_reader(lab: Lab) -> None:
    """The reader of one session has gone: the writer of the next one waits, without EPIPE."""
    source, sink = pair(lab)
    check_transfer(source, sink, 2)
    writer = start_io(source.host, source.opened("w"), "write=2", "close")
    source.host.wait_until(blocked_in(writer, "tbstream_write_iter"), 10)
    tunnels_balance(sink.host)
    assert writer.poll() is None, "the writer did not wait for a reader"
    assert good(io(sink.host, sink.opened("r"), "read=eof"))[1]["ret"] == 2
    good(steps(writer.wait(10)))


def test_exit_delivers_what_is_pending(lab: Lab) -> None:
    """A program that ends without close does not wait, and nothing of it is lost."""
    source, sink = pair(lab, ring_size=32)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "close")
    good(io(source.host, source.opened("w"), "write=200k"))
    source.wait_state("draining")
    sink.host.run("touch /tmp/go")
    done = good(steps(reader.wait(20)))
    assert done[2]["ret"] == 200 << 10 and done[2]["eof"], done
    sink.host.run("rm /tmp/go")


def test_opened_for_both_and_not_written_is_no_session(lab: Lab) -> None:
    """A file for both ways that nobody has written to leaves no end for a later reader."""
    source, sink = pair(lab)
    good(io(source.host, source.opened("rw"), "close"))
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "close")
    sink.host.wait_until(blocked_in(reader, "tbstream_read_iter"), 10)
    good(io(source.host, source.opened("w"), "write=1000", "close"))
    assert good(steps(reader.wait(10)))[1]["ret"] == 1000


def test_nothing_waits_while_the_peer_is_silent(lab: Lab) -> None:
    """O_NONBLOCK opens, and reads and writes say EAGAIN, until both sides have spoken."""
    source, sink = pair(lab)
    silence = lab.sim.faults.drop(Packets(sender=sink.host.name, uuid=CONTROL, count=None))
    writer = start_io(source.host, source.opened("rw,nonblock"), "write1=1", "read1=1",
                      "poll=in+out,0", "touch=/tmp/tried", "poll=out,30000", "write1=1", "close")
    source.host.wait_until("test -e /tmp/tried", 15)
    silence.clear()
    assert good(io(sink.host, sink.opened("r"), "read=eof"))[1]["ret"] == 1
    done = steps(writer.wait(10))
    assert errnos(done) == [None, "EAGAIN", "EAGAIN", None, None, None, None, None], done
    assert done[3]["events"] == [] and done[5]["events"] == ["out"], done
    source.host.run("rm /tmp/tried")


def test_lost_control_messages(lab: Lab) -> None:
    """Every second control message is lost, in both directions: sessions are whole."""
    streams = pair(lab)
    lost = [lab.sim.faults.drop(Packets(sender=host.name, uuid=CONTROL, probability=0.5, seed=3))
            for host in lab.hosts]
    for seed in range(3):
        check_transfer(*streams, 100000, seed=seed)
        check_transfer(*reversed(streams), 100000, seed=seed)
    assert all(fault.hits() for fault in lost), [fault.state() for fault in lost]


def test_one_way(lab: Lab) -> None:
    """With one HopID on each side bytes go one way, and are confirmed."""
    alpha, beta = prepare(lab)
    source = Stream(alpha, "oneway").set(out_hopid=9)
    sink = Stream(beta, "oneway").set(in_hopid=9)
    check_transfer(source, sink, 1 << 20)
    check_synced(source, sink)
    assert errnos(io(beta, sink.opened("w,nonblock"))) == ["EINVAL"]


@pytest.mark.lab(MIXED)
def test_two_kernels_confirm_to_each_other(lab: Lab) -> None:
    """6.12 and 7.3 confirm what they have received, both ways."""
    streams = pair(lab)
    for _ in range(2):
        check_synced(*streams)
        check_synced(*reversed(streams))


def test_sessions_in_both_directions(lab: Lab) -> None:
    """200 sessions each way, back to back and at once: each line arrives once, in order."""
    streams = pair(lab)
    readers = [s.host.start(f"for i in $(seq 200); do cat {s.device} || exit 1; done")
               for s in streams]
    writers = [s.host.start(f"for i in $(seq 200); do echo $i > {s.device} || exit 1; done")
               for s in streams]
    for process in (*writers, *readers):
        result = process.wait(150)
        assert result.code == 0, result
        if process in readers:
            assert result.stdout.split() == [str(i) for i in range(1, 201)], result


def reload(lab: Lab, host: Host, *parameters: str) -> None:
    """Load the module anew with these parameters."""
    tunnels_balance(host)
    host.run(f"rmmod thunderbolt_stream && modprobe thunderbolt_stream {' '.join(parameters)}",
             timeout=30)
    trace_tunnels(host)
    for each in lab.hosts:
        each.wait_for_peer(30)


def test_one_side_does_not_count_frames(lab: Lab) -> None:
    """count_frames=0 on one side: all arrives, and a lost frame is noticed at the end."""
    alpha, _ = prepare(lab)
    reload(lab, alpha, "count_frames=0")
    source, sink = streams = pair(lab)
    transfer(streams)
    for one, other in (streams, streams[::-1]):
        reader = other.host.start(f"cat {other.device} > /dev/null")
        lost = lab.sim.faults.drop(Frames(receiver=other.host.name, hopid=9, eof=2, nth=3))
        done = io(one.host, one.opened("w"), "write=81920:4096", "close")
        assert errnos(done) == [None, None, "EIO"] and lost.hits() == 1, (done, lost.state())
        result = reader.wait(10)
        assert result.code == 1 and "Input/output error" in result.stderr, result
    transfer(streams)
    for stream in (source, sink):
        stream.remove_all()
    reload(lab, alpha)
