# SPDX-License-Identifier: GPL-2.0-only
"""The driver: the device's class, its counters and its uevents."""

import pytest

from lab import Lab, Packets, paths
from lab.faults import Fault
from lab.tool import reload_udev
from tests.support.streams import (CONTROL, OURS, Stream, check_transfer, good, io, nowhere, pair, prepare,
                           start_io, steps)

pytestmark = pytest.mark.lab(OURS)


def test_files_of_the_class(lab: Lab) -> None:
    """name, service, peer_uuid and the link to the peer say who it is."""
    alpha, _ = prepare(lab)
    stream = Stream(alpha, "files")
    assert stream.look("name") == "files"
    assert stream.look("service") == stream.look("peer_uuid") == alpha.peer_uuid()
    link = alpha.run(f"readlink -f {stream.sysfs}/peer").stdout.strip()
    assert link.rsplit("/", 1)[-1] == alpha.service(), link
    assert alpha.run(f"ls {stream.sysfs}/").stdout.split() == sorted(
        ["dev", "name", "peer", "peer_in_hopid", "peer_out_hopid", "peer_uuid", "power",
         "protocol", "rx_bytes", "rx_crc_errors", "rx_discarded_bytes", "rx_frames",
         "rx_lost_frames", "rx_malformed", "rx_overruns", "service", "sessions", "state",
         "subsystem", "tx_bytes", "tx_frames", "tx_lost_bytes", "uevent"])
    major, minor = stream.look("dev").split(":")
    assert alpha.run(f"stat -c '%t %T' {stream.device}").stdout.split() == \
        [f"{int(major):x}", f"{int(minor):x}"]

    lone = nowhere(alpha)
    assert (lone.look("peer_uuid"), lone.look("state")) == ("", "absent")
    assert [lone.look(file) for file in ("peer_in_hopid", "peer_out_hopid", "protocol")] == [""] * 3
    alpha.run(f"test ! -e {lone.sysfs}/peer")


def test_what_the_other_host_says(lab: Lab) -> None:
    """Its HopIDs for a stream: none, none yet, and those it has, whether they mirror
    ours or not."""
    alpha, beta = prepare(lab)
    ours = Stream(alpha, "says").set(in_hopid=11, out_hopid=12)
    assert [ours.look(file) for file in ("peer_in_hopid", "peer_out_hopid", "protocol")] == \
        ["", "", "sessions"]
    theirs = Stream(beta, "says").set(in_hopid=0, out_hopid=0)
    ours.wait_file("peer_in_hopid", "0")
    assert ours.look("peer_out_hopid") == "0"
    theirs.set(in_hopid=15, out_hopid=11)
    ours.wait_file("peer_in_hopid", "15")
    assert ours.look("peer_out_hopid") == "11"
    theirs.remove()
    ours.wait_file("peer_in_hopid", "")
    ours.remove()


def test_counters_are_exact(lab: Lab) -> None:
    """Bytes, frames and sessions of known transfers."""
    source, sink = pair(lab)
    check_transfer(source, sink, 10000, write=":4096")
    check_transfer(source, sink, 3, write=":1")
    expected = {"tx_bytes": 10003, "tx_frames": 6, "sessions": 2, "tx_lost_bytes": 0,
                "rx_bytes": 0, "rx_frames": 0}
    assert {name: source.count(name) for name in expected} == expected
    expected = {"rx_bytes": 10003, "rx_frames": 6, "sessions": 2, "rx_crc_errors": 0,
                "rx_overruns": 0, "rx_malformed": 0, "rx_lost_frames": 0,
                "rx_discarded_bytes": 0, "tx_bytes": 0}
    assert {name: sink.count(name) for name in expected} == expected


def test_state_over_a_life(lab: Lab) -> None:
    """absent, unconfigured, closed, open, draining, closed."""
    alpha, beta = prepare(lab)
    assert nowhere(alpha).look("state") == "absent"
    source, sink = Stream(alpha, "life"), Stream(beta, "life")
    assert source.look("state") == "unconfigured"
    for stream in (source, sink):
        stream.set(in_hopid=9, out_hopid=9, ring_size=32)
        assert stream.look("state") == "closed"
    # Who is killed cannot wait until his bytes have arrived, so they drain.
    reader = start_io(beta, sink.opened("r"), "touch=/tmp/open", "await=/tmp/go,30000", "read=eof",
                      "await=/tmp/end,30000", "close")
    beta.wait_until("test -e /tmp/open", 10)
    assert sink.look("state") == "open"
    writer = start_io(alpha, source.opened("w"), "write=200k", "touch=/tmp/written",
                      "await=/tmp/never,60000")
    alpha.wait_until("test -e /tmp/written", 10)
    assert source.look("state") == "open"
    writer.kill()
    writer.wait(10)
    source.wait_state("draining", 5)
    beta.run("touch /tmp/go")
    source.wait_state("closed", 10)
    assert sink.look("state") == "open"
    beta.run("touch /tmp/end")
    assert good(steps(reader.wait(10)))[3]["ret"] == 200 << 10
    sink.wait_state("closed", 10)
    beta.run("rm /tmp/go /tmp/open /tmp/end")
    alpha.run("rm /tmp/written")

    # A reader that leaves without having read leaves nothing: that was for him.
    reader = start_io(beta, sink.opened("r"), "await=/tmp/go,30000", "close")
    good(io(alpha, source.opened("w"), "write=5000", "close"))
    assert sink.look("state") == "open"
    beta.run("touch /tmp/go")
    good(steps(reader.wait(10)))
    assert sink.look("state") == "closed" and sink.count("rx_discarded_bytes") == 5000
    beta.run("rm /tmp/go")


def test_peer_that_falls_silent_is_unresponsive(lab: Lab) -> None:
    """A driver that does not answer is not a reader who has yet to come: it shows in
    a new tunnel, and in one in which it has answered and nothing is to be said."""
    _, beta = prepare(lab)
    source, sink = pair(lab)

    def silenced() -> Fault:
        return lab.sim.faults.drop(Packets(sender=beta.name, uuid=CONTROL, count=None))

    silence = silenced()
    writer = start_io(source.host, source.opened("w"), "write=100", "close")
    source.wait_state("unresponsive", 20)
    silence.clear()
    source.wait_state("open", 10)
    silence = silenced()
    source.wait_state("unresponsive", 20)
    silence.clear()
    source.wait_state("open", 10)
    assert good(io(beta, sink.opened("r"), "read=eof", "close"))[1]["ret"] == 100
    good(steps(writer.wait(10)))


def test_uevents(lab: Lab) -> None:
    """Events when a stream comes, finds its peer and goes carry its identity; none
    comes after it has gone."""
    alpha, _ = prepare(lab)
    uuid = alpha.peer_uuid()
    monitor = alpha.start("exec udevadm monitor --kernel --property --subsystem-match=tbstream"
                          " > /tmp/uevents")
    alpha.wait_until("grep -q KERNEL /tmp/uevents", 10)
    stream = Stream(alpha, "event")
    alpha.wait_until("grep -q TBSTREAM_PEER= /tmp/uevents", 10)
    stream.remove()
    alpha.wait_until("grep -q ACTION=remove /tmp/uevents", 10)
    # Events have numbers: a later one of another stream comes after all of this one
    Stream(alpha, "later").remove()
    alpha.wait_until("test $(grep -c ACTION=remove /tmp/uevents) = 2", 10)
    monitor.kill("TERM")
    monitor.wait(10)
    events = []
    for text in alpha.read_file("/tmp/uevents").split("\n\n"):
        event = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if event.get("TBSTREAM_NAME") == "event":
            events.append(event)
    alpha.run("rm /tmp/uevents")
    actions = [event["ACTION"] for event in events]
    assert actions[0] == "add" and "change" in actions, actions
    assert actions[-1] == "remove" and actions.count("remove") == 1, actions
    for event in events:
        assert event["TBSTREAM_SERVICE"] == uuid, event
        assert event["DEVNAME"] == stream.device, event
    change = [e for e in events if e["ACTION"] == "change"][0]
    assert change["TBSTREAM_PEER"] == uuid, change


def test_names_by_udev(lab: Lab) -> None:
    """The udev rules of the project give the device a stable name while it exists."""
    alpha, _ = prepare(lab)
    rules = "/run/udev/rules.d/70-tbstream.rules"
    alpha.run("mkdir -p /run/udev/rules.d")
    alpha.put(paths.PROJECT / "tools/thunderbolt/tbstream/70-tbstream.rules", rules)
    reload_udev(alpha)
    stream = Stream(alpha, "named")
    link = f"/dev/tbstream/by-name/{alpha.peer_uuid()}/named"
    alpha.wait_until(f"test -L {link}", 10, what=f"{link} is there")
    assert alpha.run(f"readlink -f {link}").stdout.strip() == stream.device
    stream.remove()
    alpha.wait_until(f"test ! -L {link}", 10, what=f"{link} is gone")
    alpha.run(f"rm {rules}")
    reload_udev(alpha)


def test_rules_are_read_though_udev_drops_commands(lab: Lab) -> None:
    """A udev that has not got its socket from systemd drops a command that is sent between
    its accept4() and its setsockopt(), which the delays make sure of. The installation's way
    to have the rules read does not need one."""
    alpha, _ = prepare(lab)
    alpha.put(paths.PROJECT / "scripts/installed", "/run/installed")
    daemon = alpha.run("pgrep -o -x systemd-udevd").stdout.strip()
    rules = "/run/udev/rules.d/70-tbstream.rules"
    alpha.run("mkdir -p /run/udev/rules.d")
    # Else an event may have them read. Repeated, because this may be dropped as well
    alpha.run("udevadm settle && for i in 1 2 3; do udevadm control --stop-exec-queue; done", timeout=60)
    trace = alpha.start(f"exec strace -p {daemon} -o /run/udev.trace -e trace=accept4,setsockopt,openat"
                        " -e inject=setsockopt:delay_enter=4000000")
    alpha.wait_until(f"grep -q 'TracerPid:.*[1-9]' /proc/{daemon}/status", 20, "udev is traced")
    alpha.put(paths.PROJECT / "tools/thunderbolt/tbstream/70-tbstream.rules", rules)
    alpha.run("strace -f -o /run/command.trace -e trace=sendto -e inject=sendto:delay_enter=2000000"
              " sh /run/installed --udev", timeout=90)
    seen = alpha.read_file("/run/udev.trace")
    trace.kill("TERM")
    trace.wait(20)
    alpha.run(f"rm {rules} /run/installed /run/udev.trace /run/command.trace")
    reload_udev(alpha)
    alpha.wait_until("udevadm control --start-exec-queue && udevadm trigger --subsystem-match=mem"
                     " && udevadm settle --timeout=5", 60, "udev handles events again")
    assert "SO_PASSCRED" in seen and "(DELAYED)" in seen, seen
    assert f'"{rules}"' in seen, f"udev has not read its rules:\n{seen}"
