# SPDX-License-Identifier: GPL-2.0-only
"""Faults of the simulated cables and controllers."""

import time
from dataclasses import dataclass
from typing import Any, Callable, Literal

from .deadline import Deadline
from .errors import ConditionTimeout

Side = Literal["sender", "receiver"]
Command = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class _Chosen:
    """What Frames and Packets have in common: between whom, and which of them.

    The `nth` that matches from now on is the first to be hit, then each
    `every`-th, `count` in all (None: without end). With a `probability`, each
    from the `nth` on is hit by chance instead, in the same way for the same
    `seed`, without end unless `count` is above 1. `port` is the sender's lane
    adapter, for a host with several cables."""
    sender: str | None = None
    receiver: str | None = None
    nth: int = 1
    count: int | None = 1
    every: int = 1
    probability: float | None = None
    seed: int = 1
    port: int | None = None

    trigger = "interrupt"

    def keys(self) -> dict[str, object]:
        """As the simulator's command takes them; None where it has a default."""
        count: object = "all" if self.count is None else self.count
        by_chance = self.probability is not None
        return {
            "on": self.trigger, "from": self.sender, "to": self.receiver, "port": self.port,
            "nth": self.nth,
            "count": None if by_chance and self.count == 1 else count,
            "every": None if by_chance else self.every,
            "probability": f"{self.probability:.12f}" if by_chance else None,
            "seed": self.seed if by_chance else None,
        }


@dataclass(frozen=True)
class Frames(_Chosen):
    """Data frames: by end PDF (2 is DATA, 3 is CLOSE) or start PDF, by their
    HopID on the cable, by the receiver's ring."""
    eof: int | None = None
    sof: int | None = None
    hopid: int | None = None
    ring: int | None = None

    trigger = "frame"

    def keys(self) -> dict[str, object]:
        return {**super().keys(), "eof": self.eof, "sof": self.sof, "hopid": self.hopid,
                "ring": self.ring}


@dataclass(frozen=True)
class Packets(_Chosen):
    """XDomain control packets: all, or those of a protocol by its UUID, or
    those with a type (first word after the UUID)."""
    uuid: str | None = None
    type: int | None = None

    trigger = "xdomain"

    def keys(self) -> dict[str, object]:
        return {**super().keys(), "uuid": self.uuid, "type": self.type}


class Fault:
    """A fault that was injected."""

    def __init__(self, faults: "Faults", number: int) -> None:
        self.id = number
        self._faults = faults

    def state(self) -> dict[str, Any]:
        """What the simulator knows about it: action, on, seen, hits, left."""
        for entry in self._faults.list():
            if entry["fault"] == self.id:
                return entry
        raise KeyError(f"fault {self.id} was cleared")

    def hits(self) -> int:
        """How often it has hit."""
        return self.state()["hits"]

    def seen(self) -> int:
        """How many frames or packets have matched, until it was used up."""
        return self.state()["seen"]

    def wait(self, timeout: float = 10, hits: int = 1) -> None:
        """Until it has hit so often."""
        deadline = Deadline(timeout)
        while (state := self.state())["hits"] < hits:
            if deadline.expired:
                raise ConditionTimeout(f"fault has not hit {hits} times within"
                                       f" {deadline.seconds:.1f} s: {state}")
            time.sleep(0.02)

    def clear(self) -> None:
        """Take it back."""
        self._faults.command("faults", "clear", str(self.id))


class Faults:
    """Injects faults into a running simulator. What each does to the hardware
    is described in the simulator's README."""

    def __init__(self, command: Command) -> None:
        """`command` runs a command of the simulator."""
        self.command = command

    def _add(self, action: str, chosen: _Chosen, **more: object) -> Fault:
        words = [f"{key}={value}" for key, value in {**chosen.keys(), **more}.items()
                 if value is not None]
        return Fault(self, self.command("fault", action, *words)["fault"])

    def corrupt(self, frames: Frames) -> Fault:
        """The frames have a CRC error, and really are damaged."""
        return self._add("corrupt", frames)

    def overrun(self, frames: Frames) -> Fault:
        """The frames overran their receive buffers."""
        return self._add("overrun", frames)

    def drop(self, chosen: Frames | Packets) -> Fault:
        """They are lost on the cable, and nobody is told."""
        return self._add("drop", chosen)

    def delay(self, chosen: Frames | Packets, ms: int) -> Fault:
        """A frame is late, and so are those behind it in its ring. A packet is
        late, and others overtake it."""
        return self._add("delay", chosen, ms=ms)

    def duplicate(self, packets: Packets) -> Fault:
        """The packets come twice."""
        return self._add("duplicate", packets)

    def reorder(self, packets: Packets) -> Fault:
        """A packet comes after the sender's next one that is not hit, or after
        a second without one."""
        return self._add("reorder", packets)

    def stall_at(self, chosen: Frames | Packets, ms: int | None = None,
                 after: bool = False) -> Fault:
        """The sender's direction of the cable stands still, before it or after
        it has arrived, for `ms` or until release()."""
        return self._add("stall", chosen, ms=ms, after="yes" if after else None)

    def unplug_at(self, chosen: Frames | Packets, after: bool = False) -> Fault:
        """The cable is pulled before it, or after it, has arrived."""
        return self._add("unplug", chosen, after="yes" if after else None)

    def kill_at(self, chosen: Frames | Packets, who: Side, after: bool = False) -> Fault:
        """A controller dies before it, or after it, has arrived."""
        return self._add(f"kill-{who}", chosen, after="yes" if after else None)

    def lose_interrupt_of(self, frames: Frames, who: Side) -> Fault:
        """The frames move, and the ring's status says so, but the interrupt is
        never sent. Frames before it that were not reported yet are not either."""
        return self._add("lose-tx-interrupt" if who == "sender" else "lose-rx-interrupt",
                         frames)

    def lose_interrupts(self, host: str, ring: int | None = None,
                        direction: Literal["rx", "tx"] | None = None, hopid: int | None = None,
                        nth: int = 1, count: int | None = 1,
                        probability: float | None = None, seed: int = 1) -> Fault:
        """Interrupts of a data ring are not sent; its status stays set. Without
        ring, direction and HopID: those of any data ring."""
        chosen = _Chosen(nth=nth, count=count, probability=probability, seed=seed)
        return self._add("lose-interrupt", chosen, host=host, ring=ring, dir=direction,
                         hopid=hopid)

    def stall(self, host: str, ms: int | None = None,
              traffic: Literal["all", "data", "control"] = "all", port: int | None = None) -> None:
        """What a host transmits stands still at once, for `ms` or until release()."""
        words = [f"{key}={value}" for key, value in
                 (("ms", ms), ("traffic", traffic), ("port", port)) if value is not None]
        self.command("stall", host, *words)

    def release(self, host: str) -> None:
        """End a stall of all of a host's ports."""
        self.command("release", host)

    def kill(self, host: str) -> None:
        """The controller dies: it reads as ff, moves nothing, interrupts nobody;
        the other end of its cables sees an unplug."""
        self.command("kill", host)

    def revive(self, host: str) -> None:
        """A new controller is in its place, to be probed by the guest."""
        self.command("revive", host)

    def rate_limit(self, host: str, bytes_per_second: int | None) -> None:
        """Limit the data frames that a host transmits; None ends it."""
        self.command("rate", host, str(bytes_per_second or "off"))

    def list(self) -> list[dict[str, Any]]:
        """All faults since the last clear(): fault, action, on, seen, hits, left."""
        return self.command("faults")["faults"]

    def clear(self) -> None:
        """End everything above, on all hosts. A dead controller is revived."""
        self.command("faults", "clear")
