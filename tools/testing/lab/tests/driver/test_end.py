# SPDX-License-Identifier: GPL-2.0-only
"""The driver: the end of a session stays the end, for every program that reads on."""

import pytest

from lab import Lab
from tests.support.streams import OURS, Stream, check_transfer, good, io, pair, start_io, steps, transfer

pytestmark = pytest.mark.lab(OURS)


def ends(source: Stream, sink: Stream, command: str, total: int = 10000) -> str:
    """A program that reads the device gets one session and ends; returns what it printed."""
    program = sink.host.start(command)
    good(io(source.host, source.opened("w"), f"write={total}", "close"))
    result = program.wait(20)
    assert result.code == 0, result
    return result.stdout.strip()


def test_programs_that_read_on_end(lab: Lab) -> None:
    """dd with fullblock, filesrc, a loop over lines and one over events stop at the end."""
    source, sink = pair(lab)
    device = sink.device
    assert ends(source, sink, f"dd if={device} bs=7000 iflag=fullblock status=none | wc -c") == "10000"
    assert ends(source, sink, f"gst-launch-1.0 -q filesrc location={device} ! filesink"
                              " location=/tmp/got && wc -c < /tmp/got && rm /tmp/got") == "10000"
    assert ends(source, sink, f"python3 -c 'print(sum(len(x) for x in open(\"{device}\", \"rb\")))'"
                ) == "10000"
    loop = ("import os, select\n"
            f"fd = os.open(\"{device}\", os.O_RDONLY | os.O_NONBLOCK)\n"
            "epoll = select.epoll()\n"
            "epoll.register(fd, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)\n"
            "total = reads = 0\n"
            "while reads < 3:\n"
            "    epoll.poll()\n"
            "    while reads < 3:\n"
            "        try: data = os.read(fd, 4000)\n"
            "        except BlockingIOError: break\n"
            "        total += len(data); reads += not data\n"
            "print(total)")
    assert ends(source, sink, f"python3 -c '{loop}'") == "10000"
    transfer((source, sink))


def test_the_next_session_is_for_the_next_open(lab: Lab) -> None:
    """A file at its end gets 0 by read, splice and io_uring, whatever is sent meanwhile."""
    source, sink = pair(lab)
    old = start_io(sink.host, sink.opened("r"), "read=eof", "touch=/tmp/ended",
                   "await=/tmp/next,60000", "read1=10", "splice-out=10", "uring", "read1=10",
                   "poll=in+rdhup,0", "close")
    good(io(source.host, source.opened("w"), "write=5000", "close"))
    sink.host.wait_until("test -e /tmp/ended", 10)
    writer = start_io(source.host, "seed=41", source.opened("w"), "write=7000", "close")
    # The session waits for a reader that has not had its own.
    sink.host.run("touch /tmp/next")
    done = good(steps(old.wait(20)))
    assert [done[n]["ret"] for n in (1, 4, 5, 7)] == [5000, 0, 0, 0], done
    assert done[8]["events"] == ["in", "rdhup", "hup"], done[8]
    assert writer.poll() is None, "the old reader took the next session"
    new = good(io(sink.host, "seed=41", sink.opened("r"), "read=eof", "close"))
    assert new[2]["ret"] == 7000, new
    good(steps(writer.wait(10)))
    sink.host.run("rm /tmp/ended /tmp/next")


def test_a_file_without_a_byte_of_it_goes_on(lab: Lab) -> None:
    """Another reader takes a whole session: a file without a byte of it reads the next one."""
    source, sink = pair(lab)
    idle = start_io(sink.host, "seed=42", sink.opened("r"), "touch=/tmp/open",
                    "await=/tmp/go,60000", "read=eof", "close")
    sink.host.wait_until("test -e /tmp/open", 10)
    check_transfer(source, sink, 5000)
    sink.host.run("touch /tmp/go")
    good(io(source.host, "seed=42", source.opened("w"), "write=7000", "close"))
    done = good(steps(idle.wait(10)))
    assert done[4]["ret"] == 7000 and done[4]["eof"], done
    sink.host.run("rm /tmp/open /tmp/go")


def test_a_file_for_both_ways_goes_on_writing(lab: Lab) -> None:
    """After the end of what it reads, a file that is open for both still writes."""
    source, sink = pair(lab)
    both = start_io(sink.host, sink.opened("rw"), "read=eof", "read1=10", "seed=43", "write=3000",
                    "close")
    good(io(source.host, source.opened("w"), "write=5000", "close"))
    answer = good(io(source.host, "seed=43", source.opened("r"), "read=eof", "close"))
    assert answer[2]["ret"] == 3000, answer
    done = good(steps(both.wait(10)))
    assert done[1]["ret"] == 5000 and done[2]["eof"], done


def test_a_file_at_its_end_is_no_reader(lab: Lab) -> None:
    """The last reader of a session leaves in the middle: its writer gets EPIPE, and no file
    gets the rest, although files stay open that have had their own end, or could not read on."""
    source, sink = pair(lab, ring_size=32)
    # The first gets the end; the second has read some, and another file takes the rest.
    for mine, others in ((["read=1000", "seed=2", "read=eof"], []),
                         (["read=1000"], ["read=eof", "close"])):
        stayed = start_io(sink.host, sink.opened("r"), *mine, "touch=/tmp/had",
                          "await=/tmp/leave,60000", "read1=1000", "close")
        writer = start_io(source.host, source.opened("w"), "write1=1000", "seed=2",
                          "write1=4000", "close")
        sink.host.wait_until("test -e /tmp/had", 10)
        if others:
            assert good(io(sink.host, "seed=2", sink.opened("r"), *others))[2]["ret"] == 4000
        good(steps(writer.wait(10)))

        reader = start_io(sink.host, "seed=5", sink.opened("r"), "read1=1000", "close")
        writer = start_io(source.host, "seed=5", source.opened("w"), "write=1m", "close")
        assert good(steps(reader.wait(10)))[2]["ret"] == 1000
        done = steps(writer.wait(10))
        assert done[2]["errno"] == "EPIPE", f"files that read: {mine}, {others}: {done}"
        check_transfer(source, sink, 5000, seed=6)

        sink.host.run("touch /tmp/leave")
        done = good(steps(stayed.wait(10)))
        assert done[-2]["eof"] and not done[-2]["ret"], done
        sink.host.run("rm /tmp/had /tmp/leave")


def test_one_session_a_file(lab: Lab) -> None:
    """cat in a loop against many short writers: nothing is lost, one session in each file."""
    source, sink = pair(lab)
    count = 60
    reader = sink.host.start(f"cd $(mktemp -d) && for n in $(seq {count}); do"
                             f" cat {sink.device} > $n; done; cat $(seq {count}); rm -r $PWD")
    source.host.run(f"for n in $(seq {count}); do echo session $n > {source.device}; done", timeout=60)
    expected = "".join(f"session {n}\n" for n in range(1, count + 1))
    assert reader.wait(30).stdout == expected
