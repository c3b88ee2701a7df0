# SPDX-License-Identifier: GPL-2.0-only
"""The driver: the machine sleeps (S3) and wakes up.

A virtual machine can do so only once, so each test leaves its lab used up."""

import pytest

from lab import Lab
from tests.support.streams import (OURS, blocked_in, errnos, good, io, nowhere, pair, start_io, steps,
                           transfer)

pytestmark = pytest.mark.lab(OURS)


def awake(lab: Lab) -> None:
    """Until both hosts know each other after one has slept."""
    for host in lab.hosts:
        host.wait_for_peer(60)


def test_received_bytes_survive_suspend(lab: Lab) -> None:
    """Bytes that a reader has not yet taken are there after resume, then EOF."""
    source, sink = pair(lab)
    idle = pair(lab, hopid=10)
    transfer(idle)
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
    transfer(idle)
    transfer((source, sink))


def test_unsent_bytes_are_an_error_after_suspend(lab: Lab) -> None:
    """What cannot arrive before the machine sleeps fails; anything else goes on."""
    full = pair(lab, hopid=9, ring_size=32)
    idle = pair(lab, hopid=10)
    going = pair(lab, hopid=11)
    coming = going[::-1]
    transfer(idle)
    alpha, beta = full[0].host, full[1].host
    lone = nowhere(alpha)
    writer = start_io(alpha, full[0].opened("w"), "write=1m", "close")
    reader = start_io(beta, full[1].opened("r"), "await=/tmp/go,120000", "read=eof", "close")
    opener = start_io(alpha, lone.opened("r"))
    alpha.wait_until(blocked_in(writer, "tbstream_write_iter"), 10)
    alpha.wait_until(blocked_in(opener, "tbstream_open"), 10)
    # One session in each direction in which nothing is on its way when it sleeps
    readers = [start_io(s[1].host, s[1].opened("r"), "read=eof", "close")
               for s in (going, coming)]
    writers = [start_io(s[0].host, s[0].opened("w"), "write=30000", "fsync", "touch=/tmp/synced",
                        "await=/tmp/go,120000", "write=30000", "close") for s in (going, coming)]
    for host in lab.hosts:
        host.wait_until("test -e /tmp/synced", 20)
    arrived = full[1].count("rx_bytes")

    alpha.suspend_resume()
    done = steps(writer.wait(20))
    assert done[1]["errno"] == "EIO" and done[2]["errno"] == "EIO", done
    assert opener.poll() is None, "an open that waits for its peer gave up"
    lone.remove()
    assert errnos(steps(opener.wait(10))) == ["ENODEV"]
    awake(lab)
    for host in lab.hosts:
        host.run("touch /tmp/go")
    done = steps(reader.wait(20))[2]
    assert done["errno"] == "EIO" and "mismatch" not in done, done
    assert done["ret"] >= arrived > 0, f"{arrived} bytes had arrived: {done}"
    for process in writers:
        good(steps(process.wait(20)))
    for process in readers:
        done = good(steps(process.wait(20)))[1]
        assert done["ret"] == 60000 and done["eof"], done
    for host in lab.hosts:
        host.run("rm /tmp/go /tmp/synced")
    transfer(idle)
    transfer(full)
