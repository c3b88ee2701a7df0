# SPDX-License-Identifier: GPL-2.0-only
"""The driver: the cable is pulled and plugged in again."""

import time

import pytest

from lab import Lab
from tests.support.streams import (OURS, Stream, blocked_in, check_transfer, errnos, good, io, pair,
                           prepare, start_io, steps, transfer)

pytestmark = pytest.mark.lab(OURS)

# The core may be busy with paths for some seconds.
AT_WORST = 10


def replug(lab: Lab) -> None:
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer(30)


def test_unplug_during_a_transfer(lab: Lab) -> None:
    """Both sides get an error and no EOF; after replug it works as before."""
    source, sink = streams = pair(lab)
    for _ in range(2):
        start = sink.count("rx_bytes")
        reader = start_io(sink.host, sink.opened("r"), "read=eof", "read1=1", "close")
        writer = start_io(source.host, source.opened("w"), "write=100g", "write1=1", "close")
        sink.wait_count("rx_bytes", start + (1 << 20))
        lab.cable.unplug()
        for end in (reader, writer):
            done = steps(end.wait(AT_WORST))
            assert done[1]["errno"] == done[2]["errno"] == "ENXIO", done
            assert "mismatch" not in done[1] and not done[1]["eof"], done
        for stream in streams:
            stream.wait_state("absent", AT_WORST)
            assert stream.look("peer_uuid") == ""
        replug(lab)
        transfer(streams)


def test_unplug_wakes_everybody(lab: Lab) -> None:
    """Blocked read, write, fsync, close and poll end within a second; a blocked open waits."""
    alpha, beta = prepare(lab)
    idle = pair(lab, hopid=9)
    full = pair(lab, hopid=10, ring_size=32)
    closing = pair(lab, hopid=11, ring_size=32)
    waits = Stream(alpha, "waits")
    later = "await=/tmp/back,60000"
    stuck = [start_io(beta, s[1].opened("r"), later, "close") for s in (full, closing)]
    reader = start_io(alpha, idle[0].opened("r"), "read=eof", "touch=/tmp/woke1", "poll=in,0",
                      later, "read1=1", "poll=in,0", "close")
    poller = start_io(beta, idle[1].opened("r"), "poll=in,60000", "touch=/tmp/woke1", "read1=1",
                      "close")
    syncer = start_io(alpha, full[0].opened("w"), "write=200k", "fsync", "touch=/tmp/woke2")
    closer = start_io(alpha, closing[0].opened("w"), "write=200k", "close", "touch=/tmp/woke3")
    alpha.wait_until(blocked_in(syncer, "tbstream_confirm"), 10)
    writer = start_io(alpha, full[0].opened("w"), "write=1m", "touch=/tmp/woke4", later, "write1=1",
                      "poll=out,0", "fsync", "close")
    opener = start_io(alpha, waits.opened("r"), "read=eof", "close")
    for host, process, function in ((alpha, reader, "tbstream_read_iter"), (beta, poller, "poll"),
                                    (alpha, closer, "tbstream_flush"),
                                    (alpha, writer, "tbstream_write_iter"),
                                    (alpha, opener, "tbstream_open")):
        host.wait_until(blocked_in(process, function), 10)

    began = time.monotonic()
    lab.cable.unplug()
    alpha.wait_until("set -- /tmp/woke?; [ $# = 4 ]", AT_WORST, "everybody is awake")
    beta.wait_until("test -e /tmp/woke1", AT_WORST, "the poller is awake")
    took = time.monotonic() - began
    assert took < 1.0 * lab.scale, f"the last call returned {took:.2f} s after the unplug"

    done = steps(poller.wait(AT_WORST))
    assert "hup" in done[1]["events"] and done[3]["errno"] == "ENXIO", done
    for process in (syncer, closer):
        assert errnos(steps(process.wait(10))) == [None, None, "EIO", None]
    for stream in (idle[0], full[0]):
        stream.wait_state("absent", AT_WORST)
    replug(lab)
    # What was open then stays dead, although the peer is back.
    for host in lab.hosts:
        host.run("touch /tmp/back")
    done = steps(reader.wait(AT_WORST))
    assert errnos(done) == [None, "ENXIO", None, None, None, "ENXIO", None, None], done
    assert "hup" in done[3]["events"] and "hup" in done[6]["events"], done
    done = steps(writer.wait(AT_WORST))
    assert done[1]["errno"] == done[4]["errno"] == "ENXIO" and done[6]["errno"] == "EIO", done
    assert "hup" in done[5]["events"], done
    for process in stuck:
        process.wait(10)
    for host in lab.hosts:
        host.run("rm /tmp/back /tmp/woke?")

    assert opener.poll() is None, "an open that waits for its peer gave up"
    there = Stream(beta, "waits").set(in_hopid=12, out_hopid=12)
    good(io(beta, there.opened("w"), "write=1000", "close"))
    assert good(steps(opener.wait(15)))[1]["ret"] == 1000
    for streams in (idle, full, closing):
        transfer(streams)


def test_received_bytes_survive_unplug(lab: Lab) -> None:
    """What has arrived when the cable is pulled is read first, then the error."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "close")
    writer = start_io(source.host, source.opened("w"), "write=50000", "await=/tmp/go,60000")
    sink.wait_count("rx_bytes", 50000)
    lab.cable.unplug()
    sink.wait_state("absent", AT_WORST)
    for host in lab.hosts:
        host.run("touch /tmp/go")
    done = steps(reader.wait(10))
    assert (done[2]["ret"], done[2]["errno"]) == (50000, "ENXIO"), done
    good(steps(writer.wait(10)))
    replug(lab)
    for host in lab.hosts:
        host.run("rm /tmp/go")


def test_complete_session_survives_unplug(lab: Lab) -> None:
    """After CLOSE was received the unplug takes nothing from an open reader."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "read1=1",
                      "close")
    sink.wait_state("open")
    good(io(source.host, source.opened("w"), "write=50000", "close"))
    source.wait_state("closed")
    lab.cable.unplug()
    sink.wait_state("absent", AT_WORST)
    sink.host.run("touch /tmp/go")
    done = steps(reader.wait(10))
    assert done[2]["ret"] == 50000 and done[2]["eof"] and not done[2]["errno"], done
    assert done[3]["eof"] and not done[3]["errno"], f"the end did not stay: {done}"
    replug(lab)
    sink.host.run("rm /tmp/go")


def test_session_without_an_end_fails_at_close(lab: Lab) -> None:
    """All bytes were confirmed, then the cable was pulled: no EOF for the reader, no 0 for
    any of the writers."""
    source, sink = pair(lab)
    # What two write may be mixed, so it is only counted
    reader = sink.host.start(f"exec 3< {sink.device} && head -c 50000 <&3 > /tmp/taken"
                             " && touch /tmp/got && cat <&3")
    writers = [start_io(source.host, source.opened("w"), "write=25000", "fsync",
                        f"touch=/tmp/synced{number}", "await=/tmp/go,60000", "close")
               for number in range(2)]
    source.host.wait_until("test -e /tmp/synced0 && test -e /tmp/synced1")
    sink.host.wait_until("test -e /tmp/got")
    lab.cable.unplug()
    source.wait_state("absent", AT_WORST)
    source.host.run("touch /tmp/go")
    for writer in writers:
        wrote = steps(writer.wait(10))
        good(wrote[:-1])
        assert wrote[-1]["errno"] == "EIO", wrote
    read = reader.wait(10)
    assert read.code and not read.stdout and "No such device or address" in read.stderr, read
    replug(lab)
    source.host.run("rm /tmp/go /tmp/synced0 /tmp/synced1")
    assert sink.host.run("wc -c < /tmp/taken; rm /tmp/got /tmp/taken").stdout.strip() == "50000"


def test_requests_are_kept_over_replug(lab: Lab) -> None:
    """Automatic stays automatic, manual stays exact, a service name works again."""
    alpha, beta = prepare(lab)
    manual = Stream(alpha, "manual", alpha.service()).set(in_hopid=15, out_hopid=16)
    automatic = Stream(alpha, "auto").set(in_hopid=-1, out_hopid=-1)
    lab.cable.unplug()
    for stream in (manual, automatic):
        stream.wait_state("absent")
    assert (automatic.hopids(), manual.hopids()) == ((-1, -1), (15, 16))
    # Changes without a peer are good for the next one.
    manual.set(out_hopid=17)
    replug(lab)
    for stream in (manual, automatic):
        stream.wait_state("closed")
    assert manual.hopids() == (15, 17), manual.hopids()
    # Not always 9: what the peer advertised for earlier streams is avoided.
    assert min(automatic.hopids()) >= 9, automatic.hopids()
    there = Stream(beta, "auto")
    beta.wait_until(f"[ $(cat {there.directory}/in_hopid) != 0 ]", 10, "HopIDs adopted")
    check_transfer(automatic, there, 5000)


def test_rmdir_while_unplugged(lab: Lab) -> None:
    """Streams can be made and removed without a cable, open files included."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "await=/tmp/go,60000", "read1=1",
                      "close")
    sink.host.wait_until(blocked_in(reader, "tbstream_read_iter"), 10)
    lab.cable.unplug()
    sink.wait_state("absent", AT_WORST)
    sink.remove()
    source.remove()
    sink.host.run("touch /tmp/go")
    done = steps(reader.wait(5))
    assert (done[1]["errno"], done[3]["errno"]) == ("ENXIO", "ENXIO"), done
    sink.host.run("rm /tmp/go")
    replug(lab)
    transfer(pair(lab))
