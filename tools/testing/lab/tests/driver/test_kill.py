# SPDX-License-Identifier: GPL-2.0-only
"""The driver: every wait can be ended by SIGKILL, and no wait for a user's memory
holds anybody else up."""

import random

import pytest

from lab import ConditionTimeout, Lab
from lab.host import Host, Process
from tests.support.streams import (OURS, Stream, blocked_in, check_transfer, good, io, nowhere, pair,
                           prepare, start_io, steps, transfer, tunnels_balance)

pytestmark = pytest.mark.lab(OURS)

# Made by a process that has come to a place, and by us when it may go on
HERE, GO = "/tmp/here", "/tmp/go"


def dies(process: Process) -> None:
    """SIGKILL ends it within a second."""
    process.kill()
    assert process.wait(1).code == 137, "it ended otherwise"


# More than the smallest ring takes at the other end, less than both rings do together:
# accepted, and not confirmed while nobody reads.
PENDING = "write=200k"


def waits(host: Host, process: Process, function: str) -> None:
    """It comes to wait in this function of the kernel."""
    try:
        host.wait_until(blocked_in(process, function), 10)
    except ConditionTimeout as error:
        raise AssertionError(f"{error}\n{process.poll() or host.where(process.pid)}") from error


def dies_in(host: Host, function: str, *words: str) -> None:
    """A process with these steps comes to wait in this function, and can be killed."""
    process = start_io(host, *words)
    waits(host, process, function)
    dies(process)


def test_open(lab: Lab) -> None:
    """An open that waits for a peer, or for HopIDs, can be killed."""
    alpha, _ = prepare(lab)
    for stream in (nowhere(alpha), Stream(alpha, "nohopids")):
        for how in ("r", "w", "rw"):
            dies_in(alpha, "tbstream_open", stream.opened(how))


def test_read(lab: Lab) -> None:
    """Readers that wait for bytes, or for another reader, can be killed, in any order."""
    source, sink = pair(lab)
    for order in (1, -1):
        readers = [start_io(sink.host, sink.opened("r"), "read=eof") for _ in range(3)]
        for reader in readers:
            waits(sink.host, reader, "tbstream_read_iter")
        for reader in readers[::order]:
            dies(reader)
    dies_in(sink.host, "tbstream_splice_read", sink.opened("r"), "splice-out=1m")
    check_transfer(source, sink, 300000)


def test_write(lab: Lab) -> None:
    """Writers that wait for room, or for another writer, can be killed, in any order."""
    for hopid, order in ((9, 1), (10, -1)):
        source, _ = pair(lab, hopid, ring_size=32)
        writers = [start_io(source.host, source.opened("w"), "write=1g") for _ in range(3)]
        for writer in writers:
            waits(source.host, writer, "tbstream_write_iter")
        for writer in writers[::order]:
            dies(writer)
    for hopid, step in ((11, "splice-in=1g"), (12, "sendfile-in=4m")):
        source, _ = pair(lab, hopid, ring_size=32)
        dies_in(source.host, "tbstream_splice_write", source.opened("w"), step)


def test_fsync_and_close(lab: Lab) -> None:
    """An fsync, a close and a synchronous write that wait for the peer can be killed."""
    for hopid, how, steps_, function in (
            (9, "w", (PENDING, "fsync"), "tbstream_confirm"),
            (10, "w", (PENDING, "fdatasync"), "tbstream_confirm"),
            (11, "w", (PENDING, "close"), "tbstream_flush"),
            (12, "w,sync", (PENDING,), "tbstream_confirm")):
        source, sink = pair(lab, hopid, ring_size=32)
        reader = start_io(sink.host, sink.opened("r"), f"await={GO},600000")
        dies_in(source.host, function, source.opened(how), *steps_)
        dies(reader)


def test_poll(lab: Lab) -> None:
    """A poll that waits can be killed, with busy polling, too."""
    for hopid, busy in ((9, 0), (10, 1)):
        _, sink = pair(lab, hopid=hopid, busy_poll=busy)
        dies_in(sink.host, "do_sys_poll", sink.opened("r"), "poll=in,600000")
        dies_in(sink.host, "tbstream_read_iter", sink.opened("r"), "read=eof")


def test_configuration(lab: Lab) -> None:
    """mkdir, rmdir and writes of attributes can be killed at any moment."""
    alpha, _ = prepare(lab)
    stream = Stream(alpha, "killed")
    rng = random.Random(1)
    for loop in (f"mkdir {stream.directory}x; rmdir {stream.directory}x",
                 f"echo 9 > {stream.directory}/in_hopid; echo -1 > {stream.directory}/out_hopid;"
                 f" echo 64 > {stream.directory}/ring_size; cat {stream.sysfs}/* > /tmp/look"):
        for _ in range(8):
            process = alpha.start(f"echo > {HERE}; while :; do {loop}; done 2> /dev/null")
            alpha.wait_until(f"test -s {HERE} && rm {HERE}", 10)
            # The moment is what is random here
            alpha.run(f"sleep {rng.uniform(0, 0.05):.3f}")
            dies(process)
    alpha.run(f"[ ! -d {stream.directory}x ] || rmdir {stream.directory}x")


def test_exit_with_data_pending(lab: Lab) -> None:
    """A process that exits, or is killed, does not wait for its bytes, which arrive."""
    source, sink = pair(lab, ring_size=32)
    for kill in (False, True):
        reader = start_io(sink.host, "seed=7", sink.opened("r"), f"await={GO},600000",
                          "read=eof", "close")
        words = ["seed=7", source.opened("w"), PENDING, f"touch={HERE}"]
        writer = start_io(source.host, *words, *([f"await={GO},600000"] if kill else []))
        source.host.wait_until(f"test -e {HERE}", 10)
        if kill:
            dies(writer)
        else:
            good(steps(writer.wait(1)))
        sink.host.run(f"touch {GO}")
        done = good(steps(reader.wait(20)))
        assert done[3]["ret"] == 200 << 10 and done[3]["eof"], done
        source.host.run(f"rm {HERE}")
        sink.host.run(f"rm {GO}")


# A user's memory that does not come -----------------------------------

class Stuck:
    """Context manager: a read and a write on alpha whose memory is not there, in the
    middle of their copies. When the block ends they must still be there; then their
    memory comes, and they end."""

    def __init__(self, lab: Lab, ends: tuple[str | None, ...] = (None,), hopid: int = 9) -> None:
        """`ends` are the errors that either of them may come to."""
        self.streams = self.here, self.there = pair(lab, hopid)
        self.host = self.here.host
        self._ends = ends

    def __enter__(self) -> "Stuck":
        self.calls = [
            start_io(self.host, "seed=5", self.here.opened("w"),
                     f"late-write=5000,{HERE}-write,{GO},600000", f"await={GO},600000"),
            start_io(self.host, "seed=6", self.here.opened("r"),
                     f"late-read=5000,{HERE}-read,{GO},600000", f"await={GO},600000")]
        # It stays, so that the stream has two ends all the time
        self._peer = start_io(self.there.host, "seed=6", self.there.opened("rw"), "write=5000",
                              "seed=5", "read=5000", "close")
        for call in ("read", "write"):
            self.host.wait_until(f"test -e {HERE}-{call} && rm {HERE}-{call}", 10,
                                 f"the {call} waits for its memory")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        for call in self.calls:
            assert call.poll() is None, f"did not wait for its memory: {call.poll()}"
        self.host.run(f"touch {GO}")
        for call in self.calls:
            done = steps(call.wait(5))
            assert done[2]["errno"] in self._ends and "mismatch" not in done[2], done
        self.host.run(f"rm {GO}")
        if self._ends == (None,) and self.calls:
            good(steps(self._peer.wait(5)))
        self.leave_peer()

    def leave_peer(self) -> None:
        """The other end goes, which may have noticed nothing."""
        self._peer.kill()
        self._peer.wait(5)


GONE = (None, "ENXIO", "ENODEV", "EIO")


def test_copy_that_waits(lab: Lab) -> None:
    """A copy that waits for its memory delays no other call that need not wait, is told
    from an error of the stream, and can be killed."""
    with Stuck(lab) as stuck:
        here = stuck.here
        done = io(stuck.host, here.opened("rw,nonblock"), "read1=10", "write1=10",
                  "poll=in+out,0", "fionread", timeout=1)
        assert [step["errno"] for step in done[1:3]] == ["EAGAIN", "EAGAIN"], done
        # The call that waits may take all that has arrived: no other read would get it.
        assert done[4]["ret"] == 0, done
        assert here.try_set("ring_size", 64) == "EBUSY"
        stuck.host.run(f"cat {here.sysfs}/* {here.directory}/*", check=False, timeout=1)
        dies_in(stuck.host, "tbstream_read_iter", here.opened("r"), "read=eof")
        dies_in(stuck.host, "tbstream_write_iter", here.opened("w"), "write=10")
        refused = stuck.host.run("rmmod thunderbolt_stream", check=False, timeout=1)
        assert refused.code and "in use" in refused.stderr, refused
    with Stuck(lab, hopid=10) as stuck:
        for call in stuck.calls:
            dies(call)
        stuck.calls = []
    transfer(stuck.streams)


def test_unplug_during_a_copy(lab: Lab) -> None:
    """The cable can be pulled and comes back, and the stream works again, while calls of
    before still wait for their memory."""
    with Stuck(lab, GONE) as stuck:
        lab.cable.unplug()
        stuck.here.wait_state("absent", 10)
        lab.cable.plug()
        for host in lab.hosts:
            host.wait_for_peer()
        transfer(stuck.streams)
    transfer(stuck.streams)


def test_rmdir_during_a_copy(lab: Lab) -> None:
    """rmdir does not wait for a copy; the same stream can be made again at once."""
    with Stuck(lab, GONE) as stuck:
        stuck.host.run(f"rmdir {stuck.here.directory}", timeout=1)
        stuck.host.run(f"test ! -e {stuck.here.device}")
        again = Stream(stuck.host, stuck.here.name).set(in_hopid=9, out_hopid=9)
        dies_in(stuck.host, "tbstream_read_iter", again.opened("r"), "read=eof")
        again.remove()
        transfer(pair(lab, hopid=10))
    tunnels_balance(stuck.host)


def test_drivers_go_during_a_copy(lab: Lab) -> None:
    """Neither the service's driver nor the controller's waits for a copy to go away."""
    for driver, device in (("/sys/bus/thunderbolt/drivers/thunderbolt_stream", None),
                           ("/sys/bus/pci/drivers/thunderbolt", "0*")):
        with Stuck(lab, GONE, hopid=10 if device else 9) as stuck:
            alpha = stuck.host
            name = device or alpha.service()
            name = alpha.run(f"cd {driver} && echo {name}").stdout.strip()
            alpha.run(f"echo {name} > {driver}/unbind", timeout=5)
            stuck.here.wait_state("absent", 1)
            alpha.run(f"echo {name} > {driver}/bind", timeout=30)
            if device:
                alpha.run(f"echo on > {driver}/{name}/power/control")
            for host in lab.hosts:
                host.wait_for_peer(40)
            transfer(pair(lab, hopid=12 if device else 11))


def test_suspend_during_a_copy(lab: Lab) -> None:
    """A copy that waits keeps Linux from sleeping, as with any file; the attempt ends, and
    the stream goes on."""
    lab.expect_log(r"Call Trace:")
    with Stuck(lab) as stuck:
        refused = stuck.host.run("echo 1000 > /sys/power/pm_freeze_timeout;"
                                 " echo mem > /sys/power/state", check=False, timeout=10)
        assert refused.code and "busy" in refused.stderr, refused
    transfer(stuck.streams)
