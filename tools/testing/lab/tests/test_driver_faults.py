# SPDX-License-Identifier: GPL-2.0-only
"""The driver: frames that the hardware reports as damaged."""

from lab import Lab
from tests.streams import OURS, check_transfer, errnos, good, io, pair, start_io, steps

LAB = OURS


def break_a_frame(lab: Lab, fault: str, counter: str) -> None:
    """What came before is read, then EIO and no EOF; a new session works."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "read=16384", "touch=/tmp/read",
                      "read=eof", "read1=1", "poll=in+rdhup,0", "touch=/tmp/told",
                      "await=/tmp/ended,30000", "close")
    writer = start_io(source.host, source.opened("w"), "write=16384:4096", "await=/tmp/hit,30000",
                      "write=100000:4096", "await=/tmp/told,30000", "close")
    sink.host.wait_until("test -e /tmp/read", 20)
    lab.sim.command(fault, sink.host.name, "1", "hopid=9")
    source.host.run("touch /tmp/hit")
    # The error lasts as long as the session.
    sink.host.wait_until("test -e /tmp/told", 10)
    source.host.run("touch /tmp/told")
    good(steps(writer.wait(10)))
    # Only now, because a reader that goes away makes the writer fail.
    sink.host.run("touch /tmp/ended")
    done = steps(reader.wait(10))
    assert errnos(done) == [None, None, None, "EIO", "EIO", None, None, None, None], done
    assert done[3]["ret"] == 0 and "err" in done[5]["events"], done
    assert "rdhup" not in done[5]["events"], done
    assert sink.count(counter) == 1
    check_transfer(source, sink, 100000, seed=61)
    check_transfer(sink, source, 100000, seed=62)
    sink.host.run("rm /tmp/read /tmp/told /tmp/ended")
    source.host.run("rm /tmp/hit /tmp/told")


def test_crc_error(lab: Lab) -> None:
    """A frame with a wrong CRC breaks the session, and is counted."""
    break_a_frame(lab, "corrupt", "rx_crc_errors")


def test_overrun(lab: Lab) -> None:
    """A frame that overran its buffer breaks the session, and is counted."""
    break_a_frame(lab, "overrun", "rx_overruns")


def test_error_after_good_bytes(lab: Lab) -> None:
    """Bytes that arrived before the bad frame are all delivered first."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,30000", "read=eof",
                      "await=/tmp/ended,30000", "close")
    writer = start_io(source.host, source.opened("w"), "write=40960:4096", "await=/tmp/hit,30000",
                      "write=4096", "close")
    sink.wait_count("rx_bytes", 40960)
    lab.sim.command("corrupt", sink.host.name, "1", "hopid=9")
    source.host.run("touch /tmp/hit")
    sink.wait_count("rx_crc_errors", 1)
    sink.host.run("touch /tmp/go")
    good(steps(writer.wait(10)))
    sink.host.run("touch /tmp/ended")
    done = steps(reader.wait(10))
    assert (done[2]["ret"], done[2]["errno"]) == (40960, "EIO") and "mismatch" not in done[2], done
    sink.host.run("rm /tmp/go /tmp/ended")
    source.host.run("rm /tmp/hit")


def test_damaged_end(lab: Lab) -> None:
    """A session whose CLOSE is damaged ends in an error, not an EOF."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "read=100", "touch=/tmp/read", "read=eof",
                      "close")
    writer = start_io(source.host, source.opened("w"), "write=100", "await=/tmp/hit,30000", "close")
    sink.host.wait_until("test -e /tmp/read", 20)
    lab.sim.command("corrupt", sink.host.name, "1", "hopid=9")
    source.host.run("touch /tmp/hit")
    good(steps(writer.wait(10)))
    done = steps(reader.wait(10))
    assert done[3]["errno"] == "EIO" and not done[3]["eof"], done
    sink.host.run("rm /tmp/read")
    source.host.run("rm /tmp/hit")
    check_transfer(source, sink, 5000, seed=63)


def test_other_stream_goes_on(lab: Lab) -> None:
    """An error in one stream does not touch another."""
    source, sink = pair(lab, hopid=9)
    other = pair(lab, hopid=10)
    lab.sim.command("corrupt", sink.host.name, "1", "hopid=9")
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "await=/tmp/ended,30000")
    writer = start_io(source.host, source.opened("w"), "write=1m", "close")
    check_transfer(*other, 1 << 20)
    good(steps(writer.wait(10)))
    sink.host.run("touch /tmp/ended")
    done = steps(reader.wait(10))
    assert done[1]["errno"] == "EIO" and done[1]["ret"] == 0, done
    sink.host.run("rm /tmp/ended")


def test_first_frame_damaged(lab: Lab) -> None:
    """An error before the first byte ends with its session, too."""
    source, sink = pair(lab)
    for seed in (64, 65):
        lab.sim.command("corrupt", sink.host.name, "1", "hopid=9")
        reader = start_io(sink.host, sink.opened("r"), "read=eof", "await=/tmp/ended,30000",
                          "close")
        good(io(source.host, source.opened("w"), "write=10000", "close"))
        sink.host.run("touch /tmp/ended")
        done = steps(reader.wait(10))
        assert (done[1]["ret"], done[1]["errno"]) == (0, "EIO"), done
        sink.host.run("rm /tmp/ended")
        check_transfer(source, sink, 5000, seed=seed, timeout=10)
