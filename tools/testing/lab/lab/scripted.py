# SPDX-License-Identifier: GPL-2.0-only
"""A host without a machine behind it, which says whatever a test wants."""

import time
from dataclasses import dataclass
from typing import Any, Callable, Literal, Sequence

from . import xdomain
from .deadline import Deadline
from .errors import ConditionTimeout


@dataclass(frozen=True)
class ReceivedPacket:
    """An XDomain packet that was not answered by itself; `words` begin with the
    route to its sender."""
    pdf: int
    port: int
    words: list[int]

    @property
    def type(self) -> int | None:
        return self.words[7] if len(self.words) > 7 else None

    def is_of(self, protocol: str) -> bool:
        return self.words[3:7] == xdomain.uuid_words(protocol)


@dataclass(frozen=True)
class ReceivedFrame:
    """A data frame."""
    port: int
    hopid: int
    sof: int
    eof: int
    crc_error: bool
    overrun: bool
    data: bytes


def _hex(words: Sequence[int]) -> str:
    return "".join(f"{word & 0xffffffff:08x}" for word in words)


def _options(**values: object) -> list[str]:
    return [f"{key}={value}" for key, value in values.items() if value is not None]


class ScriptedHost:
    """Drives a scripted host of the simulator, whose README says more. By
    itself it answers discovery as a host that offers the service "stream"."""

    def __init__(self, name: str, command: Callable[..., dict[str, Any]]) -> None:
        """`command` runs a command of the simulator."""
        self.name = name
        self._command = command

    def command(self, *words: str) -> dict[str, Any]:
        """Run one of the simulator's actions of scripted hosts."""
        return self._command("script", self.name, *words)

    def reset(self) -> None:
        """As at the start; a peer is told that the properties have changed."""
        self.command("reset")
        self.changed()

    # Discovery --------------------------------------------------------

    def set_properties(self, block: Sequence[int], length: int | None = None,
                       generation: int | None = None, notify: bool = True) -> None:
        """Offer these words; `length` is a lie about their number."""
        told = len(block) if length is None else length
        self.command("properties", _hex(block or [0]),
                     *_options(length=told, generation=generation))
        if notify:
            self.changed()

    def alternate_properties(self, *blocks: Sequence[int],
                             each: Literal["reading", "request"] = "reading") -> None:
        """Offer other properties each time, with generations that go up and
        start over."""
        for number, block in enumerate(blocks):
            self.command("properties", _hex(block),
                         *_options(add="yes" if number else None, next=each))
        self.changed()

    def changed(self, port: int = 1) -> None:
        """Tell the peer that the properties have changed."""
        self.command("changed", f"port={port}")

    def answer(self, *what: Literal["all", "none", "uuid", "properties", "changed", "link"]) -> None:
        """What to answer without being asked to by the test."""
        self.command("answers", *what)

    def set_uuid(self, uuid: str) -> None:
        """What the host says its UUID is."""
        self.command("uuid", uuid.replace("-", ""))

    # Packets and frames -----------------------------------------------

    def send_packet(self, words: Sequence[int], pdf: int = xdomain.REQUEST, count: int = 1,
                    rate: int | None = None, port: int = 1) -> None:
        """Send a packet, made by xdomain.packet() or otherwise, `count` times,
        `rate` times a second or as fast as the receiver can. Its CRC is added."""
        self.command("packet", str(pdf), _hex(words), *_options(count=count, rate=rate, port=port))

    def send_bytes(self, data: bytes, pdf: int = xdomain.REQUEST, count: int = 1,
                   rate: int | None = None, port: int = 1) -> None:
        """Send these bytes as a packet, without adding anything."""
        self.command("packet", str(pdf), data.hex(), "crc=given",
                     *_options(count=count, rate=rate, port=port))

    def packets(self) -> list[ReceivedPacket]:
        """Take what was received."""
        return [ReceivedPacket(entry["pdf"], entry["port"],
                               [int(entry["words"][at:at + 8], 16)
                                for at in range(0, len(entry["words"]), 8)])
                for entry in self.command("packets")["packets"]]

    def wait_packet(self, protocol: str, kind: int | None = None,
                    timeout: float = 10) -> ReceivedPacket:
        """The next packet of a protocol; others before it are forgotten."""
        deadline = Deadline(timeout)
        while True:
            for packet in self.packets():
                if packet.is_of(protocol) and kind in (None, packet.type):
                    return packet
            if deadline.expired:
                raise ConditionTimeout(f"{self.name}: no packet of {protocol} within"
                                       f" {deadline.seconds:.1f} s")
            time.sleep(0.02)

    def send_frame(self, hopid: int, data: bytes = b"", sof: int = 1, eof: int = 2,
                   size: int | None = None, fill: int = 0,
                   flags: Literal["crc", "overrun", "crc,overrun"] | None = None,
                   credits_ignored: bool = False, count: int = 1, rate: int | None = None,
                   port: int = 1) -> None:
        """Send a frame: `data`, made `size` long with `fill`. It waits until the
        receiver can take it, unless `credits_ignored`: then it is lost."""
        words = [data.hex()] if data else []
        self.command("frame", str(hopid), str(sof), str(eof), *words,
                     *_options(size=size, fill=fill, flags=flags, count=count, rate=rate,
                               port=port, flow="ignore" if credits_ignored else None))

    def accept(self, hopid: int, what: Literal["none", "keep", "discard"] = "keep") -> None:
        """Grant credits for frames with this HopID."""
        self.command("accept", str(hopid), what)

    def frames(self) -> list[ReceivedFrame]:
        """Take what was received."""
        return [ReceivedFrame(entry["port"], entry["hopid"], entry["sof"], entry["eof"],
                              bool(entry["crc_error"]), bool(entry["overrun"]),
                              bytes.fromhex(entry["data"]))
                for entry in self.command("frames")["frames"]]

    def status(self) -> dict[str, int]:
        """Counters: left, sent, lost, refused, packets, packets_lost, frames,
        discarded."""
        return self.command("status")

    def wait_sent(self, timeout: float = 10) -> None:
        """Until all that was to be sent is sent, or lost."""
        deadline = Deadline(timeout)
        while (status := self.status())["left"]:
            if deadline.expired:
                raise ConditionTimeout(f"{self.name}: not all sent within"
                                       f" {deadline.seconds:.1f} s: {status}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop sending."""
        self.command("stop")
