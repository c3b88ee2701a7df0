# SPDX-License-Identifier: GPL-2.0-only
"""The driver: HopIDs are chosen, adopted, owned once and freed once."""

import pytest

from lab import Deadline, Lab
from tests.support.streams import (AMD, OURS, WITH_NET, Stream, check_transfer, errnos, good, io, prepare,
                           start_io, steps, transfer)

pytestmark = pytest.mark.lab(OURS)


def mirrored(left: Stream, right: Stream) -> bool:
    """Both have HopIDs, and one's in is the other's out."""
    ours, theirs = left.hopids(), right.hopids()
    return 0 not in ours and ours == tuple(reversed(theirs))


def wait_mirrored(left: Stream, right: Stream, timeout: float = 12) -> None:
    """Until the two ends agree; each poll reads both."""
    deadline = Deadline(timeout)
    while not mirrored(left, right):
        assert not deadline.expired, \
            f"{left.name}: expected mirrored HopIDs, got {left.hopids()} and {right.hopids()}"


def wait_automatic(stream: Stream, hopid: int, timeout: float = 10) -> None:
    """Until -1 chooses this HopID both ways. What the peer advertised for earlier
    streams is avoided until its next properties have been read, so the choice is
    made again; a HopID that is never given back stays in the way until the deadline."""
    deadline = Deadline(timeout)
    while stream.set(in_hopid=-1, out_hopid=-1).hopids() != (hopid, hopid):
        assert not deadline.expired, \
            f"{stream.name}: expected {hopid} and {hopid}, got {stream.hopids()}"
        stream.set(in_hopid=0, out_hopid=0)


def test_automatic_starts_at_9(lab: Lab) -> None:
    """-1 takes the lowest free HopID from 9 on and shows it; 0 frees it."""
    alpha, _ = prepare(lab)
    one, two, three = (Stream(alpha, name) for name in ("auto1", "auto2", "auto3"))
    wait_automatic(one, 9)
    wait_automatic(two, 10)
    one.set(in_hopid=0, out_hopid=0)
    assert one.hopids() == (0, 0), one.hopids()
    wait_automatic(three, 9)


def test_manual_is_exact_or_busy(lab: Lab) -> None:
    """A taken HopID is EBUSY in its direction only, and changes nothing."""
    alpha, _ = prepare(lab)
    one = Stream(alpha, "man1").set(in_hopid=14, out_hopid=15)
    two = Stream(alpha, "man2").set(in_hopid=15, out_hopid=14)
    assert (one.hopids(), two.hopids()) == ((14, 15), (15, 14))
    assert one.try_set("in_hopid", 15) == "EBUSY"
    assert one.try_set("out_hopid", 14) == "EBUSY"
    assert one.hopids() == (14, 15)
    one.set(in_hopid=14)
    two.set(in_hopid=0)
    one.set(in_hopid=15)
    assert (one.hopids(), two.hopids()) == ((15, 15), (0, 14))


def test_freed_with_the_directory(lab: Lab) -> None:
    """After rmdir the same HopIDs can be had again, as often as one likes."""
    alpha, beta = prepare(lab)
    for round_ in range(5):
        ends = [Stream(host, f"free{round_}").set(in_hopid=20, out_hopid=21 - i)
                for i, host in enumerate((alpha, beta))]
        ends[0].set(in_hopid=20, out_hopid=21)
        ends[1].set(in_hopid=21, out_hopid=20)
        check_transfer(*ends, 5000)
        for end in ends:
            end.remove()


def test_adopted_from_a_peer_that_was_first(lab: Lab) -> None:
    """mkdir takes over what the peer advertises, mirrored, without a write."""
    alpha, beta = prepare(lab)
    here = Stream(alpha, "adopt1").set(in_hopid=12, out_hopid=13)
    there = Stream(beta, "adopt1")
    wait_mirrored(here, there)
    assert there.hopids() == (13, 12)
    check_transfer(here, there, 5000)
    check_transfer(there, here, 5000)


def test_adopted_from_a_peer_that_comes_later(lab: Lab) -> None:
    """A stream without HopIDs takes the peer's as soon as it has some."""
    alpha, beta = prepare(lab)
    there = Stream(beta, "adopt2")
    assert there.hopids() == (0, 0) and there.look("state") == "unconfigured"
    reader = start_io(beta, there.opened("r"), "read=eof")
    here = Stream(alpha, "adopt2").set(in_hopid=12, out_hopid=13)
    wait_mirrored(here, there)
    good(io(alpha, here.opened("w"), "write=1000", "close"))
    assert good(steps(reader.wait(10)))[1]["ret"] == 1000


def test_both_automatic_agree(lab: Lab) -> None:
    """Several automatic streams made in different order on both sides agree."""
    alpha, beta = prepare(lab)
    here = {n: Stream(alpha, n).set(in_hopid=-1, out_hopid=-1) for n in ("x", "y", "z")}
    there = {n: Stream(beta, n).set(in_hopid=-1, out_hopid=-1) for n in ("z", "x", "y")}
    for name, stream in here.items():
        wait_mirrored(stream, there[name])
        check_transfer(stream, there[name], 5000)
        check_transfer(there[name], stream, 5000)


def test_automatic_yields_to_manual(lab: Lab) -> None:
    """An automatic end follows what the user of the other end writes."""
    alpha, beta = prepare(lab)
    here = Stream(alpha, "yield").set(in_hopid=-1, out_hopid=-1)
    there = Stream(beta, "yield").set(in_hopid=17, out_hopid=18)
    wait_mirrored(here, there)
    assert here.hopids() == (18, 17)
    # Who opens, looks at what the peer says now.
    there.set(in_hopid=19)
    alpha.wait_until(f"tbstream_io {here.opened('r,nonblock')} > /dev/null;"
                     f" [ $(cat {here.directory}/out_hopid) = 19 ]", 15,
                     "the peer's change followed")
    check_transfer(here, there, 5000)
    assert here.hopids() == (18, 19), here.hopids()


def test_both_automatic_agree_though_a_number_is_taken(lab: Lab) -> None:
    """Where one side cannot have what the other has chosen, they agree on another number,
    whichever side that is."""
    alpha, beta = prepare(lab)
    for taker in (alpha, beta):
        # Chosen before the properties can say what is taken
        taken = Stream(taker, "taken").set(in_hopid=9, out_hopid=9)
        here, there = (Stream(host, "free").set(in_hopid=-1, out_hopid=-1)
                       for host in (alpha, beta))
        wait_mirrored(here, there, 30)
        assert 9 not in here.hopids(), here.hopids()
        check_transfer(here, there, 5000)
        check_transfer(there, here, 5000)
        for stream in (taken, here, there):
            stream.remove()


def test_closed_automatic_end_follows_a_change(lab: Lab) -> None:
    """A number written on one end is followed by the other, though only the first is opened."""
    alpha, beta = prepare(lab)
    here = Stream(alpha, "follow").set(in_hopid=-1, out_hopid=-1)
    there = Stream(beta, "follow").set(in_hopid=10, out_hopid=10)
    wait_mirrored(here, there)
    check_transfer(here, there, 5000)
    adopted = Stream(alpha, "adopted")
    made = Stream(beta, "adopted").set(in_hopid=11, out_hopid=11)
    wait_mirrored(adopted, made)
    there.set(in_hopid=12, out_hopid=12)
    made.set(in_hopid=13, out_hopid=13)
    # Opening waits for the other end, and does not fail while that can still follow.
    openers = [start_io(beta, stream.opened("w"), "write=1000") for stream in (there, made)]
    wait_mirrored(here, there, 20)
    wait_mirrored(adopted, made, 20)
    for stream, opener in zip((here, adopted), openers):
        good(io(alpha, stream.opened("r"), "read=1000"))
        good(steps(opener.wait(20)))


def test_swapped_hopids_are_followed(lab: Lab) -> None:
    """Two streams that have adopted their HopIDs follow when the peer swaps them."""
    alpha, beta = prepare(lab)
    made = [Stream(beta, f"swap{n}").set(in_hopid=10 + n, out_hopid=12 + n) for n in range(2)]
    adopted = [Stream(alpha, f"swap{n}") for n in range(2)]
    for here, there in zip(adopted, made):
        wait_mirrored(here, there)
    made[0].set(in_hopid=0, out_hopid=0)
    made[1].set(in_hopid=10, out_hopid=12)
    made[0].set(in_hopid=11, out_hopid=13)
    for here, there in zip(adopted, made):
        wait_mirrored(here, there, 20)
        check_transfer(here, there, 5000)


def test_written_number_is_taken_from_a_driver_s_choice(lab: Lab) -> None:
    """What a user writes is EBUSY if a user wrote it for another stream, in any order."""
    alpha, beta = prepare(lab)
    chosen = Stream(alpha, "chosen")
    wait_automatic(chosen, 9)
    written = Stream(alpha, "written").set(in_hopid=9, out_hopid=9)
    assert written.hopids() == (9, 9) and 9 not in chosen.hopids(), chosen.hopids()
    third = Stream(alpha, "third")
    assert third.try_set("in_hopid", 9) == "EBUSY"
    assert third.hopids() == (0, 0)
    # Nothing is there yet that these could be tried on.
    absent = [Stream(beta, f"none{n}", "0-7.0") for n in range(2)]
    absent[0].set(in_hopid=9)
    assert absent[1].try_set("in_hopid", 9) == "EBUSY"
    absent[1].set(in_hopid=10, out_hopid=9)


def test_mismatch_is_an_error(lab: Lab) -> None:
    """Open fails with EPROTO when both users' HopIDs do not fit; never silence."""
    alpha, beta = prepare(lab)
    here = Stream(alpha, "differ").set(in_hopid=9, out_hopid=9)
    there = Stream(beta, "differ").set(in_hopid=10, out_hopid=10)
    # Until the properties of the other side have come, nobody can know.
    for stream in (here, there):
        stream.host.wait_until(f"tbstream_io {stream.opened('r,nonblock')} | grep -q EPROTO", 15,
                               "open fails with EPROTO")
    openers = [start_io(stream.host, stream.opened(mode))
               for stream, mode in ((here, "w"), (there, "r"))]
    for opener in openers:
        done = steps(opener.wait(20))
        assert done[0]["errno"] == "EPROTO", done
        assert done[0]["ms"] < 10000 * lab.scale, done
    assert errnos(io(alpha, here.opened("rw,nonblock"))) == ["EPROTO"]
    assert "HopIDs do not match" in alpha.dmesg()
    there.set(in_hopid=9, out_hopid=9)
    wait_mirrored(here, there)
    transfer((here, there))


@pytest.mark.lab(AMD)
def test_small_controller(lab: Lab) -> None:
    """With 3 rings and HopIDs up to 19: the limits are errors, data arrives."""
    alpha, beta = prepare(lab)
    here = Stream(alpha, "small").set(in_hopid=19, out_hopid=19)
    assert here.try_set("in_hopid", 20) == "ERANGE"
    assert here.try_set("out_hopid", 20) == "ERANGE"
    there = Stream(beta, "small")
    wait_mirrored(here, there)
    transfer((here, there), 3 << 20)
    # Ring 0 is the control channel, so two streams can be open.
    more = [Stream(alpha, f"small{n}").set(in_hopid=10 + n, out_hopid=10 + n) for n in range(2)]
    others = [Stream(beta, f"small{n}").set(in_hopid=10 + n, out_hopid=10 + n) for n in range(2)]
    held = [start_io(alpha, stream.opened("r"), "read=eof") for stream in more]
    for stream in more:
        stream.wait_state("open")
    assert errnos(io(alpha, here.opened("w"), timeout=20)) == ["EBUSY"]
    assert "no free DMA ring" in alpha.dmesg()
    for other, process in zip(others, held):
        good(io(beta, other.opened("w"), "write=100", "close"))
        assert good(steps(process.wait(10)))[1]["ret"] == 100
    transfer((here, there))


@pytest.mark.lab(WITH_NET)
def test_beside_thunderbolt_net(lab: Lab) -> None:
    """The network on the same cable, which needs HopID 8, is not disturbed."""
    alpha, beta = prepare(lab)
    streams = [Stream(host, "besides").set(in_hopid=-1, out_hopid=-1) for host in lab.hosts]
    wait_mirrored(*streams)
    for number, host in enumerate(lab.hosts, 1):
        host.wait_until("ip link show thunderbolt0", timeout=10)
        host.run(f"ip addr replace 10.0.0.{number}/24 dev thunderbolt0"
                 " && ip link set thunderbolt0 up")
    alpha.wait_until("ping -c 1 -W 2 10.0.0.2", timeout=30)
    assert streams[0].hopids() == (9, 9)
    ping = beta.start("ping -i 0.1 -c 40 -W 5 10.0.0.1")
    transfer((streams[0], streams[1]), 8 << 20)
    assert ping.wait(40).code == 0
    assert streams[0].try_set("in_hopid", 8) == "EBUSY"
    for stream in streams:
        stream.remove()
    alpha.run("ping -i 0.1 -c 5 -W 5 10.0.0.2")
    for host in lab.hosts:
        host.run("ip link set thunderbolt0 down")
    eight = [Stream(host, "eight").set(in_hopid=8, out_hopid=8) for host in lab.hosts]
    transfer((eight[0], eight[1]))
    assert "HopID 8" in alpha.dmesg()
    for stream in eight:
        stream.remove()
    for host in lab.hosts:
        host.run("ip link set thunderbolt0 up")
    alpha.wait_until("ping -c 1 -W 2 10.0.0.2", timeout=30)
