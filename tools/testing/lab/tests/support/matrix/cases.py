# SPDX-License-Identifier: GPL-2.0-only
"""The fields of the fault matrix, and what is random in each."""

import os
import random
from dataclasses import dataclass

# Everything random follows from it and from the name of the case.
SEED = int(os.environ.get("TBLAB_SEED", "1"))

FRAME_SIZE = 4096

# Rows: what happens. Of frames, of interrupts, of our control messages, of hardware.
FRAME_FAULTS = ("corrupt", "overrun", "drop", "delay", "stall")
INTERRUPT_FAULTS = ("lost_interrupt", "lost_control_interrupt")
MESSAGE_FAULTS = ("duplicated_messages", "dropped_messages", "delayed_messages",
                  "reordered_messages")
HARDWARE_FAULTS = ("cable_pulled", "controller_dies")
FAULTS = FRAME_FAULTS + INTERRUPT_FAULTS + MESSAGE_FAULTS + HARDWARE_FAULTS

# Columns: at which host, and when.
SIDES = ("sender", "receiver")
PLACES = ("start", "middle", "last", "close", "fsync")

# After these nothing may be missing. After BREAKING the reader of the frame has to
# be told; after the others it depends on who was faster.
HARMLESS = ("delay", "stall") + INTERRUPT_FAULTS + MESSAGE_FAULTS
BREAKING = ("corrupt", "overrun", "drop")


@dataclass(frozen=True)
class Plan:
    """A session to come.

    One write call is of `call` bytes, `first` bytes are written before the hold or
    the fsync of the place, `total` in all."""
    total: int
    first: int
    call: int
    ring_size: int
    seed: int

    def frames(self, length: int) -> int:
        """How many frames `length` bytes from the beginning of a step make: no
        frame has bytes of two calls."""
        whole, rest = divmod(length, self.call)
        return whole * -(-self.call // FRAME_SIZE) + -(-rest // FRAME_SIZE)

    @property
    def all_frames(self) -> int:
        """Data frames of the session: the second step begins a call of its own."""
        return self.frames(self.first) + self.frames(self.total - self.first)

    def fits(self, length: int) -> bool:
        """So many bytes can wait in the transmit ring."""
        return self.frames(length) < self.ring_size


@dataclass(frozen=True)
class Case:
    """A field of the matrix, in one of its variants: 1 few frames, 2 more than a
    small ring holds, 3 more than all rings hold."""
    fault: str
    side: str
    place: str
    variant: int

    @property
    def name(self) -> str:
        return f"{self.fault}_at_{self.side}_{self.place}_{self.variant}"

    @property
    def by_message(self) -> bool:
        """It hits what is said about a session, not its frames."""
        return self.fault in MESSAGE_FAULTS or self.fault == "lost_control_interrupt"

    @property
    def both_ways(self) -> bool:
        """It hits frames that the receiving host sends, so that host writes, too."""
        return self.side == "receiver" and self.fault in FRAME_FAULTS

    def chance(self, what: str) -> random.Random:
        """The same numbers each time the case runs with the same seed."""
        return random.Random(f"{SEED}/{self.name}/{what}")

    def plan(self) -> Plan:
        """Sizes that the variant asks for."""
        rng = self.chance("sizes")
        if self.variant == 1:
            frames, call, ring = rng.randrange(3, 12), rng.randrange(1000, 12000), 32
        elif self.variant == 2:
            frames, call, ring = rng.randrange(80, 160), rng.randrange(3000, 40000), 32
        else:
            frames, call, ring = rng.randrange(600, 900), 65536, 256
        total = frames * FRAME_SIZE - rng.randrange(FRAME_SIZE)
        if self.by_message:
            # Each call is confirmed before the next, so there are few.
            call = max(call, -(-total // 8))
        if self.place == "last":
            first = max(total - rng.randrange(1, FRAME_SIZE), 1)
        elif self.place == "close" and self.by_message:
            first = total
        else:
            first = total // 2
        return Plan(total, first, call, ring, rng.randrange(1, 1 << 30))


def every_case() -> list[Case]:
    """The full matrix."""
    return [Case(fault, side, place, variant) for fault in FAULTS for side in SIDES
            for place in PLACES for variant in (1, 2, 3)]


def is_reduced(case: Case) -> bool:
    """Whether the reduced matrix has it: every second field, like the squares of a
    chessboard, each in one variant."""
    row = FAULTS.index(case.fault)
    column = SIDES.index(case.side) * len(PLACES) + PLACES.index(case.place)
    return (row + column) % 2 == 0 and case.variant == 1 + (row + column // 2) % 3
