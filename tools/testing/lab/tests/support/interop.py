# SPDX-License-Identifier: GPL-2.0-only
"""Two ends of a stream, of which either may be the driver that Linux 7.3 ships."""

import itertools
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

from lab import Lab, paths
from lab.errors import ConditionTimeout
from lab.host import Host, Process
from tests.support.streams import CONFIGFS, Stream, good, start_io, steps

# Nothing more comes: long against what a frame takes, short for a person.
IDLE_MS = 700

_numbers = itertools.count(1)


class StockStream(Stream):
    """A stream of the stock driver: no class directory, no UUID in ConfigFS."""

    def __init__(self, host: Host, name: str) -> None:
        super().__init__(host, name, host.service())


def ours(stream: Stream) -> bool:
    return not isinstance(stream, StockStream)


def kind(host: Host) -> str:
    """Which driver a host has, as in "ours 6.12"."""
    return f"{'stock' if host.driver == 'stock' else 'ours'} {host.kernel}"


# Configuring ----------------------------------------------------------

def make(host: Host, name: str, in_hopid: int, out_hopid: int) -> Stream:
    """A stream with HopIDs, which its peer never sees without them."""
    base = f"{CONFIGFS}/{host.service() if host.driver == 'stock' else host.peer_uuid()}"
    host.run(f"mkdir -p {base}/{name} && cd {base}/{name} && echo {in_hopid} > in_hopid"
             f" && echo {out_hopid} > out_hopid")
    return StockStream(host, name) if host.driver == "stock" else Stream(host, name)


def adopt(host: Host, name: str) -> Stream:
    """mkdir and nothing else; returns when there are HopIDs."""
    if host.driver == "stock":
        # It looks at mkdir only, and the other side's properties need a moment.
        base = f"{CONFIGFS}/{host.service()}"
        host.run(f"mkdir -p {base}")
        host.wait_until(f"mkdir {base}/{name} && cat {base}/{name}/*hopid &&"
                        f" [ $(cat {base}/{name}/in_hopid) -ge 8 ]"
                        f" || {{ rmdir {base}/{name}; false; }}", 20,
                        "HopIDs adopted by the stock driver")
        return StockStream(host, name)
    stream = Stream(host, name)
    host.wait_until(f"cd {stream.directory} && cat *hopid && [ $(cat in_hopid) -ge 8 ]", 20,
                    "HopIDs adopted")
    return stream


def agree(leader: Host, follower: Host,
          *wanted: tuple[str, int, int]) -> list[tuple[Stream, Stream]]:
    """Streams of which the leader writes the HopIDs, given as name, in, out, and
    the follower takes them over, mirrored."""
    first = [make(leader, *one) for one in wanted]
    second = [adopt(follower, name) for name, _, _ in wanted]
    for one, other in zip(first, second):
        assert one.hopids() == tuple(reversed(other.hopids())), \
            f"{leader.name}: {one.hopids()}, but {follower.name}: {other.hopids()}"
    return list(zip(first, second))


def _told(wire: Path, host: Host, name: str) -> bool:
    """Has a host taken notice of a stream of its peer, by a recording of what it read? As its
    core does, this believes a block as new as its last packet, and nothing as old again. A
    stream counts only if it is in a block of which all packets are of one generation."""
    text = subprocess.run([paths.SIM_SOURCE / "usb4sim-dump", "-x", wire], capture_output=True,
                          text=True, check=True).stdout
    newest, block = -1, b""
    data, generations = b"", set[int]()
    for record in re.split(r"\n(?=\d)", text):
        head, *lines = record.splitlines()
        if not re.search(rf"\d {host.name} < .* discovery: properties response$", head):
            continue
        packet = bytes.fromhex("".join(line[9:] for line in lines))
        # Behind route, length, protocol, type and two UUIDs; the CRC behind all
        length, offset, generation = struct.unpack_from(">HHI", packet, 64)
        if not offset:
            data, generations = b"", set()
        data += packet[72:-4]
        generations.add(generation)
        if len(data) >= 4 * length and generation > newest:
            newest, block = generation, data if len(generations) == 1 else b""
    assert newest >= 0, f"{host.name} has not read any properties:\n{text}"
    return name.encode().ljust(8, b"\0") in block


def announced(lab: Lab, wire: Path, *streams: Stream) -> None:
    """Until a stream of ours has its HopIDs again after a replug, which is being recorded
    to `wire`, and is no longer after this.

    While it is read in several packets, the stock driver adds its streams to its properties.
    The core takes the torn block for one of the new generation, and does not look at it again,
    until something else changes there; ours moves the generation on once more."""
    for stream, other in zip(streams, reversed(streams)):
        if not ours(stream) or ours(other):
            continue
        has_hopids = f"[ $(cat {stream.directory}/in_hopid) -ge 8 ]"
        try:
            stream.host.wait_until(has_hopids, 5)
        except ConditionTimeout:
            lab.sim.stop_recording()
            assert not _told(wire, stream.host, other.name), \
                f"{stream.host.name} was told of the stream, and has no HopIDs"
            print(f"# {other.host.name} did not announce its stream after the replug", flush=True)
            lab.sim.record(wire)
            other.host.run(f"echo -1 > {other.directory}/in_hopid")
            stream.host.wait_until(has_hopids, 20, "HopIDs adopted when the stock side changed")
            lab.sim.stop_recording()
            assert _told(wire, stream.host, other.name), "HopIDs of a stream that nobody has told of"
            return
    lab.sim.stop_recording()


# Using ----------------------------------------------------------------

def settled(*streams: Stream) -> None:
    """Until nothing of the last session is left on our side of the cable."""
    for stream in streams:
        if ours(stream):
            stream.wait_state("closed", 15)


def frames(lab: Lab, host: Host) -> int:
    """Data frames that a host has received, by the simulator's count."""
    rings = lab.sim.command("stats")["hosts"][host.name]["rings"]
    return sum(ring["frames"] for ring in rings if ring["dir"] == "rx" and ring["ring"])


class Party:
    """tbstream_io on a stream, which says when it has the device open. GO and DONE in
    its steps are files of its own."""

    def __init__(self, stream: Stream, how: str, *words: str, seed: int = 1) -> None:
        self.host = stream.host
        self._files = f"/tmp/party{next(_numbers)}"
        words = tuple(word.replace("GO", f"{self._files}.go").replace("DONE", f"{self._files}.done")
                      for word in words)
        self.process: Process = start_io(self.host, f"seed={seed}", stream.opened(how),
                                         f"touch={self._files}.open", *words)
        self._wait("open", f"{stream.device} opened")

    def _wait(self, what: str, sentence: str) -> None:
        self.host.wait_until(f"test -e {self._files}.{what}", 20, sentence)

    def go(self) -> None:
        """Let it pass its step `await=GO`."""
        self.host.run(f"touch {self._files}.go")

    def wait_done(self) -> None:
        """Until it has passed its step `touch=DONE`."""
        self._wait("done", "as far as it should get")

    def end(self, timeout: float = 30) -> list[dict[str, Any]]:
        """What it did after the device was open."""
        return steps(self.process.wait(timeout))[3:]


def write(stream: Stream, total: int, seed: int = 1) -> None:
    """A session that is open for writing only; every call succeeds."""
    good(Party(stream, "w", f"write={total}", "close", seed=seed).end())


def send(source: Stream, sink: Stream, total: int, seed: int = 1, how: str = "write",
         read: str = "read") -> None:
    """Bytes and EOF arrive. The reader is first and the writer's end waits until
    all is there, because the stock driver would lose some otherwise."""
    reader = Party(sink, "r", f"{read}={total}", "touch=DONE", "read=eof", "close", seed=seed)
    writer = Party(source, "w", f"{how}={total}", "await=GO,60000", "close", seed=seed)
    reader.wait_done()
    writer.go()
    good(writer.end())
    done = good(reader.end())
    assert done[0]["ret"] == total and done[2]["eof"] and not done[2]["ret"], done
    settled(source, sink)
