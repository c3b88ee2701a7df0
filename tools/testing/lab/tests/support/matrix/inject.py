# SPDX-License-Identifier: GPL-2.0-only
"""The faults of the matrix, put where a case wants them."""

import random

from lab import Frames, Lab, Packets
from lab.faults import Fault
from tests.support.matrix.cases import Case, Plan
from tests.support.matrix.session import Session
from tests.support.streams import Stream

# Control messages between two of ours, see Documentation/driver-api/.
OUR_PROTOCOL = "c18eaf68-2dfe-44b7-a712-702265e365b4"

CLOSE = 3
DATA = 2
# The control channel's ring
CONTROL_RING = 0
HOPID = 9


def frame_of(case: Case, plan: Plan, sender: str) -> Frames:
    """The frame of a session from `sender` that the case is about."""
    if case.place == "close":
        return Frames(sender, hopid=HOPID, eof=CLOSE)
    nth = {"start": 1,
           "middle": 1 + plan.all_frames // 2,
           "last": plan.all_frames,
           "fsync": plan.frames(plan.first)}[case.place]
    return Frames(sender, hopid=HOPID, eof=DATA, nth=nth)


def _of_frame(case: Case, lab: Lab, frame: Frames, rng: random.Random) -> Fault:
    """A fault of frames, or one that comes with a frame."""
    faults = lab.sim.faults
    at_sender = case.side == "sender"
    match case.fault:
        case "corrupt":
            return faults.corrupt(frame)
        case "overrun":
            return faults.overrun(frame)
        case "drop":
            return faults.drop(frame)
        case "delay":
            return faults.delay(frame, ms=rng.choice((20, 200, 1300)))
        case "stall":
            return faults.stall_at(frame, ms=rng.choice((20, 200, 1300)))
        case "lost_interrupt":
            return faults.lose_interrupt_of(frame, who="sender" if at_sender else "receiver")
        case "cable_pulled":
            # The sender's end: the frame does not arrive. The receiver's: it just has
            return faults.unplug_at(frame, after=not at_sender)
        case "controller_dies":
            return faults.kill_at(frame, who="sender" if at_sender else "receiver",
                                  after=rng.random() < 0.5)
    raise ValueError(case.fault)


def _of_messages(case: Case, lab: Lab, host: str, rng: random.Random) -> Fault:
    """A fault of the control messages that a host sends, or of its control channel."""
    faults = lab.sim.faults
    packets = Packets(host, uuid=OUR_PROTOCOL, count=rng.randrange(1, 5))
    match case.fault:
        case "duplicated_messages":
            return faults.duplicate(Packets(host, uuid=OUR_PROTOCOL, count=None))
        case "dropped_messages":
            return faults.drop(packets)
        case "delayed_messages":
            return faults.delay(packets, ms=rng.choice((30, 150, 700)))
        case "reordered_messages":
            return faults.reorder(Packets(host, uuid=OUR_PROTOCOL, every=2,
                                          count=rng.randrange(1, 5)))
        case "lost_control_interrupt":
            return faults.lose_interrupts(host, ring=CONTROL_RING, direction="rx")
    raise ValueError(case.fault)


def inject(case: Case, lab: Lab, session: Session, rng: random.Random) -> Fault:
    """The fault of a case, from now on. Its frames are those of `session`."""
    if case.by_message:
        host: Stream = session.source if case.side == "sender" else session.sink
        return _of_messages(case, lab, host.host.name, rng)
    return _of_frame(case, lab, frame_of(case, session.plan, session.source.host.name), rng)
