# SPDX-License-Identifier: GPL-2.0-only
"""The driver: what its tracepoints tell about a transfer."""

import re

import pytest

from lab import Lab
from lab.host import Host
from tests.support.streams import OURS, TRACING, Stream, check_transfer, pair, trace_tunnels

pytestmark = pytest.mark.lab(OURS)

EVENTS = f"{TRACING}/events/thunderbolt_stream/enable"
MARK = "what follows is looked at"


def traced(host: Host) -> list[str]:
    """Events since the mark, as text: name and what it says."""
    trace = host.run(f"cat {TRACING}/trace", timeout=60).stdout.rsplit(MARK, 1)[1]
    return re.findall(r"\b(tbstream_\w+: .*)", trace)


def frames(stream: Stream, event: str) -> list[str]:
    """What was traced of the frames that it sends or receives."""
    begin = f"{event}: tbstream{stream.index} "
    return [line.removeprefix(begin) for line in traced(stream.host) if line.startswith(begin)]


def test_a_transfer_can_be_followed(lab: Lab) -> None:
    """Tunnel, frames in order and what the ends told each other are in the trace."""
    streams = source, sink = pair(lab)
    for stream in streams:
        stream.host.run(f"echo 1 > {EVENTS}; echo {MARK} > {TRACING}/trace_marker")
    check_transfer(source, sink, 10000, write=":256k")
    for stream in streams:
        stream.wait_state("closed")
        stream.host.run(f"echo 0 > {EVENTS}")
        trace_tunnels(stream.host)
    wire = ["data 4096 bytes", "data 4096 bytes", "data 1808 bytes", "close 256 bytes"]
    assert (sent := frames(source, "tbstream_tx")) == wire, sent
    assert (received := frames(sink, "tbstream_rx")) == wire, received
    # No transfer goes without these. Other messages are replaced by later ones at will.
    for stream, event, words in ((source, "tunnel", "up: 0"), (sink, "tunnel", "up: 0"),
                                 (sink, "control", "say .* complete"),
                                 (source, "control", "hear .* ready"),
                                 (source, "control", "hear .* complete"),
                                 (sink, "control", "say .* joined")):
        said = rf"tbstream_{event}: tbstream{stream.index} {words}\b"
        lines = "\n".join(traced(stream.host))
        assert re.search(said, lines.replace("|", " ")), f"no '{said}' in\n{lines}"
