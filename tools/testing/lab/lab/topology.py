# SPDX-License-Identifier: GPL-2.0-only
"""Which hosts see each other, over which cables and docks."""

from dataclasses import dataclass
from typing import Iterator, Sequence


@dataclass(frozen=True)
class Cable:
    """Which two ports a cable joins, each as "NAME:PORT", NAME being a controller or a
    dock; ports are numbered 1, 3, 5, ... by their first lane adapter."""
    end_a: str
    end_b: str

    def ends_at(self, name: str) -> Iterator[tuple[int, str, int]]:
        """For each end that is at `name`: its port, and name and port of the other end."""
        (a, i), (b, j) = _split(self.end_a), _split(self.end_b)
        if a == name:
            yield i, b, j
        if b == name:
            yield j, a, i


@dataclass(frozen=True)
class Dock:
    """A router between hosts. It belongs to the host at its port 1, which sees hosts at
    its other ports (3, 5, ...) under names like 0-301."""
    name: str


def _split(end: str) -> tuple[str, int]:
    name, port = end.split(":")
    return name, int(port)


def ports(name: str, cables: Sequence[Cable]) -> int:
    """USB4 ports that a controller or dock needs. A port has two lane adapters and is
    named by the number of the first one: 1, 3, 5, ..."""
    adapters = [port for cable in cables for port, _, _ in cable.ends_at(name)]
    return (max(adapters, default=1) + 1) // 2


def _owner(name: str, port: int, docks: set[str], cables: Sequence[Cable]) -> str | None:
    """Whose domain something belongs to, seen from another domain that is at its port."""
    if name not in docks:
        return name
    if port == 1:
        return None
    for cable in cables:
        for mine, above, there in cable.ends_at(name):
            if mine == 1:
                return _owner(above, there, docks, cables)
    return None


def peers(name: str, docks: set[str], cables: Sequence[Cable]) -> list[str]:
    """The controllers that a controller sees over these cables, which are plugged in."""
    found: list[str] = []
    for cable in cables:
        for mine, other, there in cable.ends_at(name):
            if name in docks and mine == 1:
                continue
            if other in docks and there == 1:
                found += peers(other, docks, cables)
            else:
                owner = _owner(other, there, docks, cables)
                found += [owner] if owner else []
    return found
