# SPDX-License-Identifier: GPL-2.0-only
"""One end of a conversation in control messages, for hosts without a machine.

The layout is that of Documentation/driver-api/thunderbolt-stream.rst, written down
again, so that the driver and its tests cannot share a mistake."""

import struct
import time
import uuid as uuids
from dataclasses import dataclass, replace
from typing import Any, Callable

from lab import Deadline, ScriptedHost, xdomain
from lab.errors import ConditionTimeout
from tests.support.streams import CONTROL

STATUS = 1                              # type of a message

# Flags
ASK, COUNTED, PAUSED, ENDED, READY, STOPPED, BROKEN, COMPLETE, JOINED = (1 << n for n in range(9))

WORDS = 26                              # behind the type


def _two(value: int) -> list[int]:
    return [value >> 32 & 0xffffffff, value & 0xffffffff]


def _uuid(words: list[int]) -> str:
    return str(uuids.UUID(bytes=b"".join(word.to_bytes(4, "little") for word in words)))


@dataclass(frozen=True)
class Message:
    """A control message."""
    sender: str = xdomain.DISCOVERY     # any UUID
    receiver: str = xdomain.DISCOVERY
    name: bytes = b""
    version: int = 1
    epoch: int = 0
    seq: int = 0
    ack: int = 0
    tunnel: int = 0
    your_tunnel: int = 0
    flags: int = 0
    in_hopid: int = 0
    out_hopid: int = 0
    tx_session: int = 0
    tx_bytes: int = 0
    tx_wanted: int = 0
    rx_session: int = 0
    rx_bytes: int = 0

    def body(self) -> list[int]:
        """The words behind the type."""
        name = self.name.ljust(8, b"\0")
        return [self.version, *xdomain.uuid_words(self.sender), *xdomain.uuid_words(self.receiver),
                *struct.unpack("<2I", name), self.epoch, self.seq, self.ack, self.tunnel,
                self.your_tunnel, self.flags, self.out_hopid << 16 | self.in_hopid,
                self.tx_session, *_two(self.tx_bytes), *_two(self.tx_wanted),
                self.rx_session, *_two(self.rx_bytes)]

    def packet(self, **lies: Any) -> list[int]:
        """As a packet; `lies` as those of xdomain.packet()."""
        return xdomain.packet(CONTROL, STATUS, self.body(), **lies)

    @classmethod
    def of(cls, words: list[int]) -> "Message":
        """Read a packet."""
        body = words[8:]
        assert len(body) == WORDS and words[7] == STATUS, words
        return cls(_uuid(body[1:5]), _uuid(body[5:9]),
                   struct.pack("<2I", *body[9:11]).rstrip(b"\0"), body[0], *body[11:17],
                   body[17] & 0xffff, body[17] >> 16, body[18], body[19] << 32 | body[20],
                   body[21] << 32 | body[22], body[23], body[24] << 32 | body[25])


class Conversation:
    """A stream's end on a scripted host. It answers while it waits, by what `own`
    holds, and believes what it hears."""

    def __init__(self, host: ScriptedHost, us: str, them: str, name: str, hopid: int) -> None:
        """`us` and `them` are the UUIDs of both hosts; the HopID is that of both ways."""
        self.host = host
        self.own = Message(us, them, name.encode(), epoch=0x1234, seq=0xfffffff0, tunnel=0x77,
                           in_hopid=hopid, out_hopid=hopid, tx_session=0xfffffffe)
        self.heard: Message | None = None

    def message(self, **changes: Any) -> Message:
        """What would be said next, with these changes."""
        last = self.heard or Message()
        self.own = replace(self.own, seq=self.own.seq + 1 & 0xffffffff)
        return replace(self.own, **{"ack": last.seq, "your_tunnel": last.tunnel, **changes})

    def say(self, **changes: Any) -> None:
        """Say how things stand, with lies for this time."""
        self.host.send_packet(self.message(**changes).packet())

    def now(self, **changes: Any) -> None:
        """Things stand like this from now on."""
        self.own = replace(self.own, **changes)
        self.say()

    def listen(self) -> None:
        """Hear what has come, answer who asks."""
        asked = False
        for packet in self.host.packets():
            if not packet.is_of(CONTROL):
                continue
            message = Message.of(packet.words)
            if message.name == self.own.name:
                self.heard = message
                asked |= bool(message.flags & ASK)
        if asked:
            self.say()

    def hear(self, condition: Callable[[Message], bool], what: str, timeout: float = 15) -> Message:
        """Until the other side says something of which this holds."""
        deadline = Deadline(timeout)
        while True:
            self.listen()
            if self.heard and condition(self.heard):
                return self.heard
            if deadline.expired:
                raise ConditionTimeout(f"not heard within {deadline.seconds:.1f} s: {what};"
                                       f" the last: {self.heard}")
            time.sleep(0.02)

    # What a good peer does --------------------------------------------

    def _meet(self) -> Message:
        """Until the other side's tunnel is there and knows ours."""
        self.heard = None
        self.now(flags=ASK)
        them = self.hear(lambda m: m.tunnel != 0, "a tunnel")
        self.now(flags=JOINED, rx_session=them.tx_session, rx_bytes=them.tx_bytes)
        return self.hear(lambda m: m.tunnel != 0 and m.your_tunnel == self.own.tunnel and
                         bool(m.flags & JOINED), "a tunnel that is joined with ours")

    def meet_reader(self) -> None:
        """Until a reader there is ready for our session."""
        self._meet()
        them = self.hear(lambda m: bool(m.flags & READY), "READY")
        self.own = replace(self.own, tx_session=them.rx_session, tx_bytes=0)

    def send(self, *parts: bytes) -> None:
        """A whole session."""
        assert self.heard
        for part in parts:
            self.host.send_frame(self.own.out_hopid, part)
        self.end(len(parts), sum(map(len, parts)))

    def end(self, frames: int, count: int) -> None:
        """The CLOSE of our session, which has so many frames and bytes."""
        close = struct.pack("<4sIIIQ", b"TBSC", 0, self.own.tx_session, frames, count)
        self.host.send_frame(self.own.out_hopid, close, eof=3, size=256)
        self.now(tx_bytes=count, flags=self.own.flags | ENDED)
        after = self.own.tx_session + 1 & 0xffffffff
        self.hear(lambda m: m.rx_session == after and bool(m.flags & COMPLETE),
                  "that the session was received complete")
        self.now(tx_session=after, tx_bytes=0, flags=self.own.flags & ~ENDED)

    def meet_writer(self) -> None:
        """Let a writer there send its session."""
        self._meet()
        assert self.heard
        self.now(flags=JOINED | READY, rx_session=self.heard.tx_session, rx_bytes=0)

    def confirm(self) -> None:
        """The session that a writer sends has come, to its end."""
        self.now(flags=JOINED | COMPLETE, rx_session=self.own.rx_session + 1 & 0xffffffff,
                 rx_bytes=0)
