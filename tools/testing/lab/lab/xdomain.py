# SPDX-License-Identifier: GPL-2.0-only
"""What hosts say to each other over the control channel: packets and property
blocks, as lists of 32-bit words. Everything can be made wrong on purpose."""

import uuid as uuids
from dataclasses import dataclass
from typing import Sequence

REQUEST, RESPONSE = 6, 7                # PDF of a packet
DISCOVERY = "b638d70e-42ff-40bb-97c2-90e2c0b2ff07"
STREAM_SERVICE = "3a1cb984-c4d9-4469-a277-ce2fdfd11f0d"

# Types of the discovery protocol
PROPERTIES_REQUEST, PROPERTIES_RESPONSE = 3, 4
CHANGED_REQUEST, CHANGED_RESPONSE, ERROR_RESPONSE = 5, 6, 7
UUID_REQUEST, UUID_RESPONSE = 12, 2

_MAGIC = 0x55584401
_TO_CONNECTION_MANAGER = 1 << 31


def uuid_words(uuid: str) -> list[int]:
    """A UUID as it lies in packets and property blocks."""
    data = uuids.UUID(uuid).bytes
    return [int.from_bytes(data[at:at + 4], "little") for at in range(0, 16, 4)]


def packet(protocol: str, kind: int, body: Sequence[int] = (), route: int = 1, sequence: int = 0,
           length: int | None = None) -> list[int]:
    """A packet to the host that sees its sender at `route` (its lane adapter).
    `length` is a lie about the words after the third."""
    words = [*uuid_words(protocol), kind, *body]
    told = len(words) if length is None else length
    return [_TO_CONNECTION_MANAGER | route >> 32, route & 0xffffffff,
            (told & 0x3f) | (sequence & 3) << 27, *words]


@dataclass(frozen=True)
class Entry:
    """An entry of a property directory as it is: key of up to 8 bytes, type
    (one character), length in words, value or offset."""
    key: bytes
    type: str
    length: int
    value: int

    def words(self) -> list[int]:
        key = self.key[:8].ljust(8, b"\0")
        return [int.from_bytes(key[:4], "big"), int.from_bytes(key[4:], "big"),
                ord(self.type) << 24 | (self.length & 0xffff), self.value & 0xffffffff]


@dataclass(frozen=True)
class Value:
    """A number."""
    key: bytes
    value: int


@dataclass(frozen=True)
class Text:
    """A text."""
    key: bytes
    text: bytes


@dataclass(frozen=True)
class Data:
    """Words of data."""
    key: bytes
    words: tuple[int, ...]


@dataclass(frozen=True)
class Directory:
    """A directory with a UUID."""
    key: bytes
    entries: tuple["Property", ...]
    uuid: str = "00000000-0000-0000-0000-0000000000aa"


Property = Entry | Value | Text | Data | Directory


def _entries(properties: Sequence[Property], block: list[int], at: int) -> None:
    """Write entries to `block` from `at` on, and what they need behind its end."""
    for number, prop in enumerate(properties):
        start = len(block)
        match prop:
            case Entry():
                entry = prop
            case Value(key, value):
                entry = Entry(key, "v", 1, value)
            case Text(key, text):
                padded = text + bytes(4 - len(text) % 4)
                block += [int.from_bytes(padded[i:i + 4], "big") for i in range(0, len(padded), 4)]
                entry = Entry(key, "t", len(padded) // 4, start)
            case Data(key, words):
                # Data is bytes, and swapped as texts are.
                block += [int.from_bytes(word.to_bytes(4, "little"), "big") for word in words]
                entry = Entry(key, "d", len(words), start)
            case Directory(key, inside, uuid):
                length = 4 + 4 * len(inside)
                block += uuid_words(uuid) + [0] * (length - 4)
                _entries(inside, block, start + 4)
                entry = Entry(key, "D", length, start)
        block[at + 4 * number:at + 4 * number + 4] = entry.words()


def property_block(*properties: Property) -> list[int]:
    """A root directory with these properties, and nothing else."""
    block = [_MAGIC, 4 * len(properties)] + [0] * (4 * len(properties))
    _entries(properties, block, 2)
    return block


def stream(name: bytes, in_hopid: int, out_hopid: int, *more: Property) -> Directory:
    """What a host says about one stream."""
    return Directory(name, (Value(b"inhopid", in_hopid), Value(b"outhopid", out_hopid), *more))


def stream_service(*streams: Property, key: bytes = b"stream") -> Directory:
    """The service "stream"."""
    return Directory(key, (Value(b"prtcid", 1), Value(b"prtcvers", 1), Value(b"prtcrevs", 0),
                           Value(b"prtcstns", 0), *streams), STREAM_SERVICE)


def host_properties(*services: Property, max_hopid: int = 23) -> list[int]:
    """The properties of a host with these services."""
    return property_block(Value(b"vendorid", 0x5553), Text(b"vendorid", b"usb4sim"),
                          Value(b"deviceid", 1), Text(b"deviceid", b"script"),
                          Value(b"maxhopid", max_hopid), *services)
