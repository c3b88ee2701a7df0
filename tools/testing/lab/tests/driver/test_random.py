# SPDX-License-Identifier: GPL-2.0-only
"""The driver: a seeded random sequence of sessions, good ones and broken ones."""

import os
import random

import pytest

from lab import Frames, Lab
from tests.support.streams import OURS, Stream, check_transfer, io, pair, start_io, steps

pytestmark = pytest.mark.lab(OURS)

ROUNDS = 25


def _killed(rng: random.Random, source: Stream, sink: Stream, seed: int) -> None:
    """One of the two ends, or both, is killed somewhere in the middle."""
    total = rng.randrange(1 << 20, 32 << 20)
    start = sink.count("rx_bytes")
    accepted = source.count("tx_bytes")
    reader = start_io(sink.host, f"seed={seed}", sink.opened("r"), "read=eof:random=30000")
    writer = start_io(source.host, f"seed={seed}", source.opened("w"),
                      f"write={total}:random=30000", "close")
    victims = rng.choice(([reader], [writer], [reader, writer], [writer, reader]))
    sink.wait_count("rx_bytes", start + rng.randrange(1, 500000), 20)
    for victim in victims:
        victim.kill()
    if writer in victims:
        writer.wait(10)
    else:
        done = steps(writer.wait(20))
        assert done[2]["errno"] in (None, "EPIPE"), done
        # Who was told of no error can rely on it.
        assert (done[2]["errno"] or done[3]["errno"] or
                sink.count("rx_bytes") - start == total), (done, sink.count("rx_bytes") - start)
    if reader in victims:
        reader.wait(10)
    else:
        done = steps(reader.wait(20))
        assert not done[2]["errno"] and done[2]["eof"] and "mismatch" not in done[2], done
        accepted = source.count("tx_bytes") - accepted
        assert done[2]["ret"] == accepted, f"accepted {accepted} bytes, received {done[2]}"


def _damaged(lab: Lab, rng: random.Random, source: Stream, sink: Stream, seed: int) -> None:
    """A frame of the session is damaged or lost: no byte behind it, and no EOF."""
    total = rng.randrange(100000, 4 << 20)
    faults = lab.sim.faults
    fault = rng.choice((faults.corrupt, faults.overrun, faults.drop))
    # So many full frames there are at least; and the end, now and then.
    frames = Frames(receiver=sink.host.name, hopid=9, nth=rng.randrange(1, total // 4096))
    if not rng.randrange(4):
        frames = Frames(receiver=sink.host.name, hopid=9, eof=3)
    reader = start_io(sink.host, f"seed={seed}", sink.opened("r"), "read=eof:random=30000",
                      "await=/tmp/ended,30000", "close")
    hit = fault(frames)
    done = io(source.host, f"seed={seed}", source.opened("w"), f"write={total}:random=30000",
              "close")
    assert hit.hits() == 1, hit.state()
    assert done[2]["errno"] in (None, "EIO") and done[3]["errno"] == "EIO", done
    sink.host.run("touch /tmp/ended")
    done = steps(reader.wait(10))
    assert done[2]["errno"] == "EIO" and not done[2]["eof"] and "mismatch" not in done[2], done
    sink.host.run("rm /tmp/ended")


def test_random_sessions(lab: Lab) -> None:
    """Whatever happened to a session, the next one is whole."""
    number = int(os.environ.get("TBLAB_SEED", "1"))
    rng = random.Random(number)
    streams = pair(lab)
    for round_ in range(ROUNDS):
        source, sink = rng.sample(streams, 2)
        kind = rng.choice(("whole", "whole", "killed", "damaged"))
        try:
            if kind == "killed":
                _killed(rng, source, sink, round_)
            elif kind == "damaged":
                _damaged(lab, rng, source, sink, round_)
            source, sink = rng.sample(streams, 2)
            total = rng.choice((0, 1, 4096, rng.randrange(10000), rng.randrange(4 << 20)))
            check_transfer(source, sink, total, seed=1000 + round_,
                           write=f":random={rng.randrange(1, 70000)}",
                           read=f":random={rng.randrange(1, 70000)}")
        except AssertionError as error:
            raise AssertionError(f"TBLAB_SEED={number}, round {round_} ({kind}, then"
                                 f" {source.host.name} to {sink.host.name}): {error}") from error
