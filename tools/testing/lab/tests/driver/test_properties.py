# SPDX-License-Identifier: GPL-2.0-only
"""The driver: what it tells its peers, with several streams to two of them. Kernel
6.12 has one directory for all peers, 7.3 one for each."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from lab import Cable, HostSpec, Lab, LabConfig, paths
from lab.host import SYSFS, Host
from tests.support.interop import adopt, send
from tests.support.streams import (CONFIGFS, NOBODY, TRACING, WITH_NET, Stream, check_transfer,
                                   errnos, good, io, prepare, start_io, steps)


def _star(kernel: str, peers: str = "ours") -> LabConfig:
    """alpha in the middle, with a cable to beta and one to gamma."""
    series = ("7.3", "7.3") if peers == "stock" else ("6.12", "7.3")
    return LabConfig(
        (HostSpec("alpha", kernel=kernel, memory_mib=384),
         HostSpec("beta", kernel=series[0], driver=peers, memory_mib=384),
         HostSpec("gamma", kernel=series[1], driver=peers, memory_mib=384)),
        cables=(Cable("alpha:1", "beta:1"), Cable("alpha:3", "gamma:1")),
        # The stock driver stops its rings before its paths.
        tolerate=("ring-stopped-with-path-enabled",) if peers == "stock" else ())


pytestmark = pytest.mark.lab({"6.12": _star("6.12"), "7.3": _star("7.3")})

MOST = 12


def uuid(host: Host) -> str:
    """A host's own UUID, by which its peers name it."""
    return host.read_file(f"{SYSFS}/0-0/unique_id").strip()


def star(lab: Lab) -> tuple[Host, Host, Host, str, str, str]:
    """The three hosts and their UUIDs."""
    alpha, beta, gamma = prepare(lab)
    return alpha, beta, gamma, uuid(alpha), uuid(beta), uuid(gamma)


def wait_adopted(*streams: Stream) -> None:
    """Until streams for which nothing was written have HopIDs."""
    for stream in streams:
        stream.host.wait_until(f"cd {stream.directory} && cat *hopid && [ $(cat in_hopid) -ge 8 ]"
                               " && [ $(cat out_hopid) -ge 8 ]", 20, f"{stream.name} adopted")


def mirrored(here: Stream, there: Stream) -> None:
    assert here.hopids() == tuple(reversed(there.hopids())), \
        f"{here.name}: {here.hopids()} here, {there.hopids()} there"


def block_dwords(lab: Lab, file: Path) -> int:
    """The length of what alpha told beta last, from a recording: the data_length of its
    properties response."""
    dump = subprocess.run([paths.PROJECT / "tools/testing/usb4sim/usb4sim-dump", "-x", file],
                          check=True, capture_output=True, text=True).stdout
    packets = re.findall(r"^\S+ alpha > xdomain response route 1 discovery: properties response\n"
                         r"((?:    [0-9a-f]{4}  .*\n)+)", dump, re.M)
    words = b"".join(bytes.fromhex(line.split(maxsplit=1)[1]) for line in packets[-1].splitlines())
    return int.from_bytes(words[0x40:0x42])


def test_properties_of_a_length_that_the_core_cannot_read(lab: Lab) -> None:
    """A last packet with one or two dwords is malformed for the peer's core, which gives up.
    We change the length before, though the change was that of another driver."""
    alpha, beta, *_ = star(lab)
    base = f"grep -qx network {SYSFS}/0-1.*/key"
    name = alpha.run("uname -n").stdout.strip()
    wire = lab.directory / "properties.pcapng"

    def net(command: str, seen: bool) -> None:
        alpha.run(f"{command} thunderbolt_net", timeout=20)
        beta.wait_until(base if seen else f"! {base}", 20, "network service told")

    try:
        lab.sim.record(wire)
        net("modprobe", True)
        lab.sim.stop_recording()
        net("rmmod", False)
        # A text takes its bytes and a zero, in dwords; a stream takes 29
        dwords, text = block_dwords(lab, wire), len(name) // 4 + 1
        streams, length = next((streams, length) for streams in range(MOST) for length in range(1, 17)
                               if (dwords + 29 * streams + length - text) % 45 == 1)
        alpha.run(f"hostname {'h' * (4 * length - 1)}")
        made = [Stream(alpha, f"pad{number}", uuid(beta)).set(in_hopid=9 + number, out_hopid=9 + number)
                for number in range(streams)]
        for stream in made:
            stream.wait_state("closed", 20)
        net("modprobe", True)
    finally:
        alpha.run(f"hostname {name}; ! grep -qs ^thunderbolt_net /proc/modules || rmmod thunderbolt_net")
        beta.wait_until(f"! {base}", 20)


def test_unbound_service_takes_its_names_back(lab: Lab) -> None:
    """A stream whose driver was unbound is told no more, and again after it is bound."""
    alpha, beta, _, ours, theirs, _ = star(lab)
    Stream(alpha, "taken", theirs).set(in_hopid=20, out_hopid=21)
    there = Stream(beta, "taken", ours).set(in_hopid=21, out_hopid=20)
    there.wait_file("peer_in_hopid", "20", 20)
    service = alpha.run(f"cd {SYSFS} && grep -lx stream 0-1.*/key").stdout.split("/")[0]
    driver = "/sys/bus/thunderbolt/drivers/thunderbolt_stream"
    try:
        alpha.run(f"echo {service} > {driver}/unbind", timeout=20)
        there.wait_file("peer_in_hopid", "", 20)
    finally:
        alpha.run(f"echo {service} > {driver}/bind", timeout=20)
    there.wait_file("peer_in_hopid", "20", 20)


# Who is told what -------------------------------------------------------

def test_each_peer_sees_its_own_names(lab: Lab) -> None:
    """A peer adopts the streams that are meant for it, and no other peer's."""
    alpha, beta, gamma, a, b, c = star(lab)
    here = {name: Stream(alpha, name, peer).set(in_hopid=-1, out_hopid=-1)
            for name, peer in (("b1", b), ("c1", c), ("b2", b), ("c2", c))}
    there = {name: Stream(beta if name[0] == "b" else gamma, name, a) for name in here}
    wrong = [Stream(beta, "c1", a), Stream(gamma, "b1", a)]
    wait_adopted(*there.values())
    for name, stream in here.items():
        mirrored(stream, there[name])
    for stream in wrong:
        assert stream.hopids() == (0, 0), f"{stream.name} on {stream.host.name} has HopIDs"


def test_streams_on_two_peers_at_once(lab: Lab) -> None:
    """Two streams to each peer carry bytes at the same time, unmixed."""
    alpha, beta, gamma, a, b, c = star(lab)
    total = 2 << 20
    pairs = []
    for number, (host, peer) in enumerate(((beta, b), (beta, b), (gamma, c), (gamma, c))):
        ends = (Stream(alpha, f"s{number}", peer).set(in_hopid=-1, out_hopid=-1),
                Stream(host, f"s{number}", a))
        # Every second one the other way.
        pairs.append(ends if number % 2 else tuple(reversed(ends)))
    wait_adopted(*(stream for pair in pairs for stream in pair))
    readers = [start_io(sink.host, f"seed={n}", sink.opened("r"), "read=eof", "close")
               for n, (_, sink) in enumerate(pairs)]
    writers = [start_io(source.host, f"seed={n}", source.opened("w"), f"write={total}", "close")
               for n, (source, _) in enumerate(pairs)]
    for writer in writers:
        good(steps(writer.wait(60)))
    for reader in readers:
        assert good(steps(reader.wait(30)))[2]["ret"] == total


def test_one_name_on_two_peers(lab: Lab) -> None:
    """The same name for two peers means two streams, each with its own HopIDs."""
    alpha, beta, gamma, a, b, c = star(lab)
    here = (Stream(alpha, "same", b).set(in_hopid=9, out_hopid=10),
            Stream(alpha, "same", c).set(in_hopid=11, out_hopid=12))
    there = (Stream(beta, "same", a), Stream(gamma, "same", a))
    wait_adopted(*there)
    assert [stream.hopids() for stream in there] == [(10, 9), (12, 11)]
    for one, other in zip(here, there):
        check_transfer(one, other, 100000)
        check_transfer(other, one, 100000)


@pytest.mark.lab(_star("6.12", "stock"))
def test_one_name_on_two_stock_peers(lab: Lab) -> None:
    """A limit: what 6.12 shows to all peers at once a stock driver takes for its own.
    open() or read() says so, and numbers that are written on its side make it work."""
    alpha, beta, gamma, _, b, c = star(lab)
    here = (Stream(alpha, "same", b).set(in_hopid=9, out_hopid=10),
            Stream(alpha, "same", c).set(in_hopid=11, out_hopid=12))
    there = (adopt(beta, "same"), adopt(gamma, "same"))
    wrong = [(one, other) for one, other in zip(here, there)
             if one.hopids() != tuple(reversed(other.hopids()))]
    assert len(wrong) == 1, [stream.hopids() for stream in (*here, *there)]
    # If alpha has yet to hear of the other side's numbers, open works, and read fails
    assert errnos(io(alpha, wrong[0][0].opened("r"), "read=1"))[-1] == "EPROTO"
    alpha.mark_log("one name")
    assert "HopIDs do not match" in alpha.dmesg(), "the log does not say why"
    in_hopid, out_hopid = wrong[0][0].hopids()
    wrong[0][1].set(in_hopid=out_hopid, out_hopid=in_hopid)
    for one, other in zip(here, there):
        send(one, other, 5000)
        send(other, one, 5000)


def test_one_peer_leaves(lab: Lab) -> None:
    """Pulling one cable touches nothing on the other, not even what is on its way."""
    alpha, beta, gamma, a, b, c = star(lab)
    stays = Stream(alpha, "stays", b).set(in_hopid=-1, out_hopid=-1), Stream(beta, "stays", a)
    goes = Stream(alpha, "goes", c).set(in_hopid=-1, out_hopid=-1), Stream(gamma, "goes", a)
    wait_adopted(*stays, *goes)
    reader = start_io(beta, stays[1].opened("r"), "read=eof", "close")
    writer = start_io(alpha, stays[0].opened("w"), "write=1m", "await=/tmp/go,60000", "write=1m",
                      "close")
    stays[1].wait_count("rx_bytes", 1 << 20)
    lab.cables[1].unplug()
    gamma.wait_for_no_peer()
    alpha.wait_until(f"[ $(cat {goes[0].sysfs}/state) = absent ]", 10)
    alpha.run("touch /tmp/go")
    good(steps(writer.wait(30)))
    assert good(steps(reader.wait(30)))[1]["ret"] == 2 << 20
    alpha.run("rm /tmp/go")
    lab.cables[1].plug()
    lab.wait_for_peers()
    wait_adopted(*goes)
    check_transfer(*goes, 5000)
    check_transfer(*stays, 5000)


def test_hopids_written_after_both_directories_exist(lab: Lab) -> None:
    """The side that waits adopts numbers whenever the other one writes them."""
    alpha, beta, _, a, b, _ = star(lab)
    here, there = Stream(alpha, "late", b), Stream(beta, "late", a)
    # When this one is adopted beta has seen that "late" has no numbers.
    later = Stream(alpha, "later", b).set(in_hopid=-1, out_hopid=-1), Stream(beta, "later", a)
    wait_adopted(*later)
    here.set(in_hopid=-1, out_hopid=-1)
    wait_adopted(there)
    mirrored(here, there)


# How much ---------------------------------------------------------------

def test_no_room_for_another_stream(lab: Lab) -> None:
    """One stream more than fits is ENOSPC, and the log says why; all others live on."""
    alpha, beta, gamma, a, b, c = star(lab)
    here = [Stream(alpha, f"n{n}", (b, c)[n % 2]).set(in_hopid=-1, out_hopid=-1)
            for n in range(MOST)]
    for peer in (b, c, NOBODY):
        alpha.run(f"mkdir -p {CONFIGFS}/{peer}")
        assert errnos(io(alpha, f"mkdir={CONFIGFS}/{peer}/more")) == ["ENOSPC"]
    alpha.mark_log("no room")
    assert "no room for stream" in alpha.dmesg(), "the log does not say why"
    there = [Stream((beta, gamma)[n % 2], f"n{n}", a) for n in range(MOST)]
    wait_adopted(*there)
    for one, other in zip(here, there):
        mirrored(one, other)


# How often --------------------------------------------------------------

PROPERTIES_RESPONSE, PROPERTIES_CHANGED = 4, 5


def trace_packets(host: Host) -> None:
    """Trace control packets from now on."""
    host.run(f"echo 1 > {TRACING}/events/thunderbolt/tb_tx/enable && echo > {TRACING}/trace")


def sent_packets(host: Host) -> list[tuple[int, list[int]]]:
    """Route and dwords of each XDomain packet that the host has sent since."""
    text = host.run(f"grep -a 'tb_tx: type=TB_CFG_PKG_XDOMAIN' {TRACING}/trace || true").stdout
    found = re.findall(r"route=([0-9a-f]+), data=\[([^]]*)\]", text)
    return [(int(route, 16), [int(word, 16) for word in words.split(", ")])
            for route, words in found]


def changes(host: Host) -> Counter[int]:
    """How often each peer was told that our properties have changed, by route."""
    return Counter(route for route, words in sent_packets(host) if words[7] == PROPERTIES_CHANGED)


def test_changes_are_collected(lab: Lab) -> None:
    """Ten attributes written quickly are one announcement and its repetition."""
    alpha, beta, _, a, b, _ = star(lab)
    here = Stream(alpha, "often", b)
    # The announcement of the directory and its repetition are another matter.
    alpha.run("sleep 6")
    trace_packets(alpha)
    good(io(alpha, *(f"attr={here.directory}/{which}={number}"
                     for number in range(10, 15) for which in ("in_hopid", "out_hopid"))))
    there = Stream(beta, "often", a)
    wait_adopted(there)
    assert there.hopids() == (14, 14), there.hopids()
    # Until the repetition has come, and would have come twice.
    alpha.run("sleep 5")
    told = changes(alpha)
    assert told and max(told.values()) <= 3, f"told {dict(told)} times, by route"


@pytest.mark.lab(WITH_NET)
def test_the_largest_block_is_accepted(lab: Lab) -> None:
    """With all streams, thunderbolt_net and the longest host name a peer still takes the
    properties: they are under the 500 dwords at which it would drop every service."""
    alpha, beta = prepare(lab)
    alpha.run(f"hostname {'x' * 64}")
    trace_packets(alpha)
    here = [Stream(alpha, f"name-{n:03}").set(in_hopid=-1, out_hopid=-1) for n in range(MOST)]
    there = [Stream(beta, stream.name) for stream in here]
    wait_adopted(*there)
    for one, other in zip(here, there):
        mirrored(one, other)
    sizes = [words[16] >> 16 for _, words in sent_packets(alpha)
             if words[7] == PROPERTIES_RESPONSE and len(words) > 16]
    assert 400 < max(sizes) <= 500, f"blocks of {sorted(set(sizes))} dwords"
    assert beta.service("network") and beta.service("stream")
    alpha.run("hostname alpha")
