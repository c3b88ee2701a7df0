# SPDX-License-Identifier: GPL-2.0-only
"""The driver: streams, modules and controllers are taken away."""

import pytest

from lab import Deadline, Lab
from lab.host import Host
from tests.support.streams import (OURS, Stream, blocked_in, check_transfer, good, nowhere, pair, prepare,
                           start_io, steps, trace_tunnels, transfer, tunnels_balance)

pytestmark = pytest.mark.lab(OURS)


def unload(host: Host) -> None:
    """rmmod, once what has just been closed has let go of the module."""
    tunnels_balance(host)
    host.run("rmmod thunderbolt_stream", timeout=20)


def load(lab: Lab, *hosts: Host) -> None:
    for host in hosts:
        host.run("modprobe thunderbolt_stream", timeout=20)
        trace_tunnels(host)
    for host in lab.hosts:
        host.wait_for_peer(30)


def test_rmdir_while_blocked(lab: Lab) -> None:
    """rmdir returns at once; open, read, write and poll end with ENODEV."""
    alpha, beta = prepare(lab)
    idle = pair(lab, hopid=9)
    full = pair(lab, hopid=10, ring_size=32)
    lone = nowhere(alpha)
    cases = ((idle[0], start_io(alpha, idle[0].opened("r"), "read=eof", "poll=in,0", "close"),
              "tbstream_read_iter"),
             (full[0], start_io(alpha, full[0].opened("w"), "write=1m", "poll=out,0", "close"),
              "tbstream_write_iter"),
             (lone, start_io(alpha, lone.opened("r")), "tbstream_open"))
    for _, process, function in cases:
        alpha.wait_until(blocked_in(process, function), 10)
    for stream, process, function in cases:
        stream.remove()
        done = steps(process.wait(5))
        where = 0 if function == "tbstream_open" else 1
        assert done[where]["errno"] == "ENODEV", done
        if where:
            assert "hup" in done[2]["events"], done
        alpha.run(f"test ! -e {stream.device}")


def test_rmdir_while_closing(lab: Lab) -> None:
    """rmdir ends a close that waits, with EIO, and a drain, at once; the reader gets EIO."""
    for killed in (False, True):
        source, sink = pair(lab, ring_size=32)
        reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "close")
        writer = start_io(source.host, source.opened("w"), "write=200k", "close")
        source.host.wait_until(blocked_in(writer, "tbstream_flush"), 10)
        if killed:
            writer.kill()
            writer.wait(5)
            source.wait_state("draining")
        source.remove()
        if not killed:
            assert steps(writer.wait(5))[2]["errno"] == "EIO"
        sink.host.run("touch /tmp/go")
        done = steps(reader.wait(10))[2]
        assert done["errno"] == "EIO" and "mismatch" not in done, done
        assert 0 < done["ret"] < 200 << 10, done
        sink.remove()
        tunnels_balance(source.host)
        sink.host.run("rm /tmp/go")


def test_peer_removes_its_stream(lab: Lab) -> None:
    """The other side's rmdir in mid-stream is known here at once."""
    source, sink = pair(lab)
    for reading in (True, False):
        start = sink.count("rx_bytes")
        reader = start_io(sink.host, sink.opened("r"),
                          *(["read=eof"] if reading else ["read=2m", "await=/tmp/never,60000"]))
        writer = start_io(source.host, source.opened("w"), "write=100g", "write1=1", "close")
        sink.wait_count("rx_bytes", start + (1 << 20))
        sink.remove()
        if reading:
            assert steps(reader.wait(5))[1]["errno"] == "ENODEV"
        done = steps(writer.wait(5))
        assert done[1]["errno"] in ("EPIPE", "EIO") and done[1]["errno"] == done[2]["errno"], done
        assert done[3]["errno"] == "EIO", done
        reader.kill()
        reader.wait(5)
        sink = Stream(sink.host, sink.name).set(in_hopid=9, out_hopid=9)
        transfer((source, sink))


def test_peer_removes_the_stream_it_writes(lab: Lab) -> None:
    """When the writer's stream is removed the reader gets what has arrived, then EIO."""
    source, sink = pair(lab)
    start = sink.count("rx_bytes")
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "close")
    writer = start_io(source.host, source.opened("w"), "write=50000", "fsync", "write1=1",
                      "await=/tmp/never,60000")
    sink.wait_count("rx_bytes", start + 50000)
    source.remove()
    sink.host.run("touch /tmp/go")
    done = steps(reader.wait(5))[2]
    assert done["errno"] == "EIO" and done["ret"] in (50000, 50001), done
    assert "mismatch" not in done, done
    writer.kill()
    writer.wait(5)
    sink.host.run("rm /tmp/go")
    transfer((Stream(source.host, source.name).set(in_hopid=9, out_hopid=9), sink))


def test_open_file_outlives_its_directory(lab: Lab) -> None:
    """After rmdir an old file says ENODEV; a new stream of that name is new."""
    source, sink = pair(lab)
    old = start_io(source.host, source.opened("rw"), "touch=/tmp/open", "await=/tmp/go,60000",
                   "read1=1", "write1=1", "fsync", "poll=in+out,0", "fionread", "close")
    source.host.wait_until("test -e /tmp/open", 10)
    source.remove()
    again = Stream(source.host, source.name).set(in_hopid=9, out_hopid=9)
    check_transfer(again, sink, 5000)
    source.host.run("touch /tmp/go")
    done = steps(old.wait(5))
    assert (done[3]["errno"], done[4]["errno"]) == ("ENODEV", "ENODEV"), done
    assert "hup" in done[6]["events"] and done[7]["ret"] == 0, done
    source.host.run("rm /tmp/open /tmp/go")


def test_rmmod_is_refused_while_in_use(lab: Lab) -> None:
    """A directory and an open file both hold the module; without them it goes."""
    alpha, beta = prepare(lab)

    def refused() -> None:
        result = alpha.run("rmmod thunderbolt_stream", check=False)
        assert result.code and "in use" in result.stderr, result

    source, sink = pair(lab)
    refused()
    process = start_io(alpha, source.opened("r"), "touch=/tmp/open", "await=/tmp/go,60000", "close")
    alpha.wait_until("test -e /tmp/open", 10)
    source.remove_all()
    refused()
    alpha.run("touch /tmp/go")
    good(steps(process.wait(10)))
    alpha.run("rm /tmp/open /tmp/go")
    unload(alpha)
    alpha.run("test ! -e /sys/class/tbstream && test ! -e /sys/kernel/config/thunderbolt")
    load(lab, alpha)
    again = Stream(alpha, source.name).set(in_hopid=9, out_hopid=9)
    transfer((again, sink))


def test_load_and_unload(lab: Lab) -> None:
    """The module can be loaded and unloaded on both sides again and again."""
    for _ in range(2):
        streams = pair(lab)
        transfer(streams, 5000)
        for stream in streams:
            stream.remove_all()
        for host in lab.hosts:
            unload(host)
        load(lab, *lab.hosts)


def test_peer_unloads_its_module(lab: Lab) -> None:
    """When the other side's driver goes, a blocked writer gets ENXIO."""
    source, sink = pair(lab, ring_size=32)
    writer = start_io(source.host, source.opened("w"), "write=1m", "close")
    source.host.wait_until(blocked_in(writer, "tbstream_write_iter"), 10)
    sink.remove_all()
    unload(sink.host)
    done = steps(writer.wait(15))
    assert done[1]["errno"] == "ENXIO", done
    source.wait_state("absent", 10)
    load(lab, sink.host)
    transfer((source, Stream(sink.host, sink.name).set(in_hopid=9, out_hopid=9)))


def test_controller_unbound(lab: Lab) -> None:
    """The controller's driver can go in mid-transfer and come back; both sides know."""
    alpha, beta = prepare(lab)
    source, sink = pair(lab)
    reader = start_io(beta, sink.opened("r"), "read=eof", "close")
    writer = start_io(alpha, source.opened("w"), "write=100g", "close")
    sink.wait_count("rx_bytes", 1 << 20)
    driver = "/sys/bus/pci/drivers/thunderbolt"
    device = beta.run(f"cd {driver} && echo 0*").stdout.strip()
    beta.run(f"echo {device} > {driver}/unbind", timeout=30)
    done = steps(reader.wait(10))
    assert done[1]["errno"] == "ENXIO", done
    sink.wait_state("absent", 10)
    # It has said so: the other side need not wait for what the next bind does to its router.
    done = steps(writer.wait(10))
    assert done[1]["errno"] in ("EPIPE", "EIO") and done[2]["errno"] == "EIO", done
    beta.run(f"echo {device} > {driver}/bind && echo on > {driver}/{device}/power/control",
             timeout=30)
    for host in lab.hosts:
        host.wait_for_peer(40)
    transfer((source, sink))


def test_mkdir_and_rmdir_in_a_race_with_open(lab: Lab) -> None:
    """Opening, using and removing streams at the same time leaves nothing behind."""
    alpha, beta = prepare(lab)
    base = f"/sys/kernel/config/thunderbolt/stream/{alpha.peer_uuid()}/race"
    makers = alpha.start(
        f"mkdir -p {base} && rmdir {base}; for i in $(seq 60); do mkdir {base} &&"
        f" echo 9 > {base}/in_hopid; echo 9 > {base}/out_hopid; rmdir {base}; done")
    opener = alpha.start("for i in $(seq 300); do timeout 1 head -c 1 /dev/tbstream0; done"
                         " > /dev/null 2>&1; true")
    deadline = Deadline(60)
    assert makers.wait(deadline.remaining()).code == 0
    opener.wait(60)
    alpha.wait_until("test ! -e /dev/tbstream0", 5)
