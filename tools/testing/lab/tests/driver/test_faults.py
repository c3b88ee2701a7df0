# SPDX-License-Identifier: GPL-2.0-only
"""The driver: frames that the hardware reports as damaged, and frames that are lost."""

from typing import Callable

import pytest

from lab import Frames, Lab
from lab.faults import Fault
from tests.support.streams import (OURS, Stream, check_transfer, errnos, good, io, pair, start_io,
                           steps)

pytestmark = pytest.mark.lab(OURS)


def sent_to(sink: Stream, **which: int) -> Frames:
    """The next frames on the way to a stream, all of whose HopIDs are 9."""
    return Frames(receiver=sink.host.name, hopid=9, **which)


def break_a_session(lab: Lab, streams: tuple[Stream, Stream], counter: str,
                    fault: Callable[[Frames], Fault]) -> None:
    """What came before is read, then EIO and no EOF; the writer learns of it, too."""
    source, sink = streams
    start = sink.count(counter)
    reader = start_io(sink.host, sink.opened("r"), "read=16384", "touch=/tmp/read",
                      "read=eof", "await=/tmp/ended,30000", "close")
    writer = start_io(source.host, source.opened("w"), "write=16384:4096", "await=/tmp/hit,30000",
                      "write=100000:4096", "fsync", "write1=1", "poll=out,0", "close")
    sink.host.wait_until("test -e /tmp/read", 20)
    fault(sent_to(sink))
    source.host.run("touch /tmp/hit")
    done = steps(writer.wait(10))
    # The first frames may have left before the news came back.
    assert done[3]["errno"] in (None, "EIO"), done
    assert errnos(done)[4:] == ["EIO", "EIO", None, "EIO"], done
    assert done[6]["events"] == ["out", "err"], done
    # Only now, because a reader that goes away makes the writer fail.
    sink.host.run("touch /tmp/ended")
    done = steps(reader.wait(10))
    assert errnos(done) == [None, None, None, "EIO", None, None], done
    assert done[3]["ret"] == 0 and not done[3]["eof"], done
    assert sink.count(counter) == start + 1
    sink.host.run("rm /tmp/read /tmp/ended")
    source.host.run("rm /tmp/hit")


def break_and_go_on(lab: Lab, counter: str, fault: Callable[[Frames], Fault]) -> None:
    """A session breaks, those after it do not, in either direction."""
    source, sink = streams = pair(lab)
    break_a_session(lab, streams, counter, fault)
    check_transfer(source, sink, 100000, seed=61)
    check_transfer(sink, source, 100000, seed=62)


def test_crc_error(lab: Lab) -> None:
    """A frame with a wrong CRC breaks the session on both sides, and is counted."""
    break_and_go_on(lab, "rx_crc_errors", lab.sim.faults.corrupt)


def test_overrun(lab: Lab) -> None:
    """A frame that overran its buffer breaks the session on both sides, and is counted."""
    break_and_go_on(lab, "rx_overruns", lab.sim.faults.overrun)


def test_lost_frame(lab: Lab) -> None:
    """A frame that is missing breaks the session on both sides, and is counted."""
    break_and_go_on(lab, "rx_lost_frames", lab.sim.faults.drop)


def test_error_stays(lab: Lab) -> None:
    """A reader that got an error gets it from every later read; the next session is for the next."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "read1=1", "touch=/tmp/told",
                      "await=/tmp/next,30000", "read1=1", "poll=in,0", "close")
    lab.sim.faults.corrupt(sent_to(sink))
    done = io(source.host, source.opened("w"), "write=10000", "close")
    assert done[2]["errno"] == "EIO", done
    sink.host.wait_until("test -e /tmp/told", 10)
    check_transfer(source, sink, 50000, seed=66)
    sink.host.run("touch /tmp/next")
    done = steps(reader.wait(20))
    assert errnos(done) == [None, "EIO", "EIO", None, None, "EIO", None, None], done
    assert done[6]["events"] == ["in", "err"], done
    sink.host.run("rm /tmp/told /tmp/next")


def test_error_after_good_bytes(lab: Lab) -> None:
    """Bytes that arrived before the bad frame are all delivered first."""
    source, sink = pair(lab)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,30000", "read=eof",
                      "await=/tmp/ended,30000", "close")
    writer = start_io(source.host, source.opened("w"), "write=40960:4096", "await=/tmp/hit,30000",
                      "write=4096", "close")
    sink.wait_count("rx_bytes", 40960)
    lab.sim.faults.corrupt(sent_to(sink))
    source.host.run("touch /tmp/hit")
    sink.wait_count("rx_crc_errors", 1)
    sink.host.run("touch /tmp/go")
    assert errnos(steps(writer.wait(10))) == [None, None, None, None, "EIO"]
    sink.host.run("touch /tmp/ended")
    done = steps(reader.wait(10))
    assert (done[2]["ret"], done[2]["errno"]) == (40960, "EIO") and "mismatch" not in done[2], done
    sink.host.run("rm /tmp/go /tmp/ended")
    source.host.run("rm /tmp/hit")


def end_is_hit(streams: tuple[Stream, Stream], fault: Callable[[Frames], Fault]) -> None:
    """All bytes of a session arrive, its CLOSE does not: the reader gets them and no EOF."""
    source, sink = streams
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "await=/tmp/ended,30000", "close")
    hit = fault(sent_to(sink, eof=3))
    done = io(source.host, source.opened("w"), "write=10000", "fsync", "close")
    assert errnos(done) == [None, None, None, "EIO"], done
    assert hit.hits() == 1, hit.state()
    sink.host.run("touch /tmp/ended")
    done = steps(reader.wait(10))
    assert (done[1]["ret"], done[1]["errno"]) == (10000, "EIO") and not done[1]["eof"], done
    assert "mismatch" not in done[1], done
    sink.host.run("rm /tmp/ended")


def test_damaged_end(lab: Lab) -> None:
    """A session whose CLOSE is damaged ends in an error on both sides, not in an EOF."""
    source, sink = streams = pair(lab)
    end_is_hit(streams, lab.sim.faults.corrupt)
    check_transfer(source, sink, 5000, seed=63)


def test_lost_end(lab: Lab) -> None:
    """A session whose CLOSE is lost ends in an error on both sides, and soon."""
    source, sink = streams = pair(lab)
    end_is_hit(streams, lab.sim.faults.drop)
    check_transfer(source, sink, 5000, seed=67)
    check_transfer(sink, source, 5000, seed=68)


def test_lost_frame_at_any_place(lab: Lab) -> None:
    """The reader gets the bytes before the lost frame and no EOF, whichever it was."""
    source, sink = pair(lab)
    frames = 12
    for place in (1, 2, 7, 8, 9, frames):
        reader = start_io(sink.host, sink.opened("r"), "read=eof", "await=/tmp/ended,30000",
                          "close")
        lab.sim.faults.drop(sent_to(sink, eof=2, nth=place))
        done = io(source.host, source.opened("w"), f"write={frames * 4096}:4096", "close")
        assert done[1]["errno"] in (None, "EIO") and done[2]["errno"] == "EIO", (place, done)
        sink.host.run("touch /tmp/ended")
        done = steps(reader.wait(10))
        assert (done[1]["ret"], done[1]["errno"]) == ((place - 1) * 4096, "EIO"), (place, done)
        assert not done[1]["eof"] and "mismatch" not in done[1], (place, done)
        sink.host.run("rm /tmp/ended")
        check_transfer(source, sink, 5000, seed=70 + place)


def test_eight_lost_frames(lab: Lab) -> None:
    """As many lost frames as the counter can count are noticed at the end: no EOF."""
    source, sink = pair(lab)
    reader = sink.host.start(f"cat {sink.device} > /dev/null")
    lost = lab.sim.faults.drop(sent_to(sink, eof=2, nth=3, count=8))
    done = io(source.host, source.opened("w"), "write=81920:4096", "close")
    assert errnos(done) == [None, None, "EIO"] and lost.hits() == 8, (done, lost.state())
    result = reader.wait(10)
    assert result.code == 1 and "Input/output error" in result.stderr, result
    check_transfer(source, sink, 5000, seed=69)


def test_other_stream_goes_on(lab: Lab) -> None:
    """An error in one stream does not touch another."""
    source, sink = pair(lab, hopid=9)
    other = pair(lab, hopid=10)
    lab.sim.faults.corrupt(sent_to(sink))
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "await=/tmp/ended,30000")
    writer = start_io(source.host, source.opened("w"), "write=1m", "close")
    check_transfer(*other, 1 << 20)
    done = steps(writer.wait(10))
    assert done[1]["errno"] in (None, "EIO") and done[2]["errno"] == "EIO", done
    sink.host.run("touch /tmp/ended")
    done = steps(reader.wait(10))
    assert done[1]["errno"] == "EIO" and done[1]["ret"] == 0, done
    sink.host.run("rm /tmp/ended")


def test_other_direction_goes_on(lab: Lab) -> None:
    """An error in one direction of a stream does not touch the other one."""
    source, sink = pair(lab)
    back = start_io(source.host, source.opened("r"), "read=eof", "close")
    forth = start_io(sink.host, sink.opened("w"), "write=50000", "touch=/tmp/begun",
                     "await=/tmp/ended,30000", "write=50000", "close")
    sink.host.wait_until("test -e /tmp/begun", 20)
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "await=/tmp/ended,30000", "close")
    lab.sim.faults.corrupt(sent_to(sink))
    done = io(source.host, source.opened("w"), "write=10000", "close")
    assert done[2]["errno"] == "EIO", done
    sink.host.run("touch /tmp/ended")
    assert steps(reader.wait(10))[1]["errno"] == "EIO"
    good(steps(forth.wait(10)))
    done = good(steps(back.wait(10)))
    assert done[1]["ret"] == 100000 and done[1]["eof"], done
    sink.host.run("rm /tmp/begun /tmp/ended")


def test_first_frame_damaged(lab: Lab) -> None:
    """An error before the first byte ends with its session, too."""
    source, sink = pair(lab)
    for seed in (64, 65):
        lab.sim.faults.corrupt(sent_to(sink))
        reader = start_io(sink.host, sink.opened("r"), "read=eof", "await=/tmp/ended,30000",
                          "close")
        done = io(source.host, source.opened("w"), "write=10000", "close")
        assert done[1]["errno"] in (None, "EIO") and done[2]["errno"] == "EIO", done
        sink.host.run("touch /tmp/ended")
        done = steps(reader.wait(10))
        assert (done[1]["ret"], done[1]["errno"]) == (0, "EIO"), done
        sink.host.run("rm /tmp/ended")
        check_transfer(source, sink, 5000, seed=seed, timeout=10)
