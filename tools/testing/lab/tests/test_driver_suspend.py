# SPDX-License-Identifier: GPL-2.0-only
"""The driver: the machine sleeps (S3) and wakes up."""

from tests.streams import (OURS, Lab, blocked_in, errnos, good, io, pair, start_io, steps, transfer)

LAB = OURS


def awake(lab: Lab) -> None:
    """Until both hosts know each other after one has slept."""
    for host in lab.hosts:
        host.wait_for_peer(60)


def test_idle_stream(lab: Lab) -> None:
    """A stream that nobody has open works after resume, on either side."""
    streams = pair(lab)
    transfer(streams)
    for host in lab.hosts:
        host.suspend_resume()
        awake(lab)
        for stream in streams:
            stream.wait_state("closed", 20)
        transfer(streams)


def test_unread_bytes_survive(lab: Lab) -> None:
    """Bytes that a reader has not yet taken are there after resume."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,120000", "read=eof", "close")
    sink.wait_state("open")
    good(io(source.host, source.opened("w"), "write=50000", "close"))
    source.wait_state("closed")
    sink.host.suspend_resume()
    sink.host.run("touch /tmp/go")
    done = good(steps(reader.wait(20)))
    assert done[2]["ret"] == 50000 and done[2]["eof"], done
    sink.host.run("rm /tmp/go")
    awake(lab)
    transfer((source, sink))


def test_waiting_writer(lab: Lab) -> None:
    """A writer whose bytes cannot leave gets an error from suspend, not silence."""
    source, sink = pair(lab, ring_size=32)
    writer = start_io(source.host, source.opened("w"), "write=1m", "close")
    source.host.wait_until(blocked_in(writer, "tbstream_write_iter"), 10)
    source.host.suspend_resume()
    done = steps(writer.wait(20))
    assert done[1]["errno"] in ("EIO", "ENXIO"), done
    awake(lab)
    transfer((source, sink))


def test_waiting_open(lab: Lab) -> None:
    """An open that waits for its peer sleeps through suspend."""
    from tests.streams import nowhere
    stream = nowhere(lab.hosts[0])
    opener = start_io(lab.hosts[0], stream.opened("r"))
    lab.hosts[0].wait_until(blocked_in(opener, "tbstream_open"), 10)
    lab.hosts[0].suspend_resume()
    assert opener.poll() is None, "an open that waits for its peer gave up"
    stream.remove()
    assert errnos(steps(opener.wait(10))) == ["ENODEV"]
    awake(lab)
