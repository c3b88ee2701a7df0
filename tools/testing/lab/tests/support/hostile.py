# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of a hostile peer share.

Alpha is the victim. Mallory, at its first port, is a scripted host; beta, at
its second one, is a good peer, with which everything must go on."""

import base64
import time
from contextlib import contextmanager
from typing import Iterator, Sequence

from lab import Cable, Deadline, HostSpec, Lab, LabConfig, ScriptedHost, xdomain
from lab.host import SYSFS, Host, Process
from lab.xdomain import DISCOVERY, Value, host_properties, packet, stream, stream_service
from tests.support.fake_peer import Conversation
from tests.support.streams import Stream, good, prepare, start_io, steps, transfer, tunnels_balance

HOSTILE = LabConfig(
    (HostSpec("alpha"), HostSpec("beta"), HostSpec("mallory", scripted=True)),
    cables=(Cable("alpha:1", "mallory:1"), Cable("alpha:3", "beta:1")))

MALLORY, BETA = "0-1", "0-3"            # as alpha sees them
HOPID = 10


def parties(lab: Lab) -> tuple[Host, ScriptedHost]:
    """Victim and attacker."""
    alpha, _ = prepare(lab)
    return alpha, lab.scripted[0]


def peer(alpha: Host, xdomain_name: str) -> str:
    """UUID of a peer; None of alpha's peers is the first one for a test."""
    alpha.wait_until(f"test -e {SYSFS}/{xdomain_name}/unique_id", 30, f"{xdomain_name} is there")
    return alpha.read_file(f"{SYSFS}/{xdomain_name}/unique_id").strip()


def good_peer_works(lab: Lab) -> None:
    """Both directions of a stream with beta; nothing stays behind."""
    alpha, beta = lab.hosts
    streams = (Stream(alpha, "good", peer(alpha, BETA)), Stream(beta, "good"))
    for one in streams:
        one.set(in_hopid=9, out_hopid=9)
    transfer(streams)
    for one in streams:
        one.remove_all()


def wait_read(mallory: ScriptedHost) -> None:
    """Until the victim reads the properties again. After a failure the core
    does so only when its peer asks for something."""
    before = mallory.status()["asked"]
    deadline = Deadline(20)
    while mallory.status()["asked"] == before:
        assert not deadline.expired, "expected the victim to read the properties again"
        mallory.send_packet(packet(DISCOVERY, xdomain.UUID_REQUEST))
        mallory.changed()
        time.sleep(0.3)


def publish(alpha: Host, mallory: ScriptedHost, block: Sequence[int],
            length: int | None = None) -> None:
    """Offer properties, and wait until the victim has begun to read them."""
    mallory.set_properties(block, length=length, notify=False)
    wait_read(mallory)
    alpha.run("true")


def hostile_stream(alpha: Host, mallory: ScriptedHost, name: str = "evil",
                   control: bool = False) -> Stream:
    """A stream to mallory that can be opened, with the same HopID both ways. With
    `control`, mallory says that it knows control messages."""
    stream_ = Stream(alpha, name, peer(alpha, MALLORY)).set(in_hopid=HOPID, out_hopid=HOPID)
    knows = (Value(b"tbsctl", 1),) if control else ()
    publish(alpha, mallory,
            host_properties(stream_service(*knows, stream(name.encode(), HOPID, HOPID))))
    stream_.wait_state("closed", 20)
    stream_.wait_file("protocol", "sessions" if control else "plain")
    return stream_


def conversation(lab: Lab, control: bool = True) -> tuple[Stream, Conversation]:
    """A stream to mallory, and mallory's end of it."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory, control=control)
    mallory.packets()
    return evil, Conversation(mallory, peer(alpha, MALLORY), own_uuid(lab), evil.name, HOPID)


def own_uuid(lab: Lab) -> str:
    """Alpha's, as its good peer sees it."""
    return lab.hosts[1].peer_uuid()


@contextmanager
def good_stream_goes_on(lab: Lab) -> Iterator[None]:
    """A session with beta that begins before and ends after what is done inside."""
    alpha, beta = lab.hosts
    source, sink = Stream(alpha, "honest", peer(alpha, BETA)), Stream(beta, "honest")
    for one in (source, sink):
        one.set(in_hopid=9, out_hopid=9)
    reader = start_io(beta, sink.opened("r"), "read=eof", "close")
    writer = start_io(alpha, source.opened("w"), "write=100k", "fsync", "touch=/tmp/half",
                      "await=/tmp/go,60000", "write=100k", "close")
    alpha.wait_until("test -e /tmp/half", 20, "half of the good peer's session")
    yield
    alpha.run("touch /tmp/go")
    good(steps(writer.wait(20)))
    assert good(steps(reader.wait(20)))[1]["ret"] == 200 << 10
    alpha.run("rm /tmp/go /tmp/half")
    for one in (source, sink):
        one.remove_all()


def start_reader(alpha: Host, stream_: Stream) -> Process:
    """Read to the end or to an error; what waits already may be such an end."""
    reader = alpha.start(f"rm -f /tmp/got; exec cat {stream_.device} > /tmp/got")
    alpha.wait_until(f"! test -e /proc/{reader.pid} ||"
                     f" ls -l /proc/{reader.pid}/fd | grep -q {stream_.device}", 20,
                     "the reader has the device open")
    return reader


def got(alpha: Host) -> bytes:
    """What the reader has read."""
    return base64.b64decode(alpha.run("base64 /tmp/got").stdout)


def all_is_well(lab: Lab, *streams: Stream) -> None:
    """What holds after every attack: the victim lives, nothing is left of the
    stream that was attacked, and the good peer's works."""
    for one in streams:
        one.remove_all()
    tunnels_balance(lab.hosts[0])
    good_peer_works(lab)
