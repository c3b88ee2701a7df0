# SPDX-License-Identifier: GPL-2.0-only
"""What is compared: workloads, and the peers of each."""

from dataclasses import dataclass
from typing import Any

from .run import Workload

BULK_PEERS = ("ours", "stock", "stock-poll", "net", "net-socat")
POLL_PEERS = ("ours", "ours-poll", "stock", "stock-poll", "net")
LARGE_PEERS = ("ours", "ours-poll", "ours-ring1024", "stock", "stock-poll", "net")
STREAM_PEERS = ("ours", "stock", "stock-poll")
RING_PEERS = ("ours", "ours-ring64", "ours-ring1024", "ours-ring4096")


@dataclass(frozen=True)
class Item:
    """A workload with those who do it."""
    workload: Workload
    peers: tuple[str, ...]

    def json(self, part: str) -> dict[str, Any]:
        """For the file; `part` is the kind of doorbells."""
        workload = self.workload
        return {"name": workload.name, "title": workload.title, "part": part,
                "mib": workload.mib, "count": workload.count}


def _bulk(name: str, title: str, peers: tuple[str, ...] = BULK_PEERS, **options: object) -> Item:
    return Item(Workload(name, title, **{"mib": 256, **options}), peers)  # type: ignore[arg-type]


# Bulk transfers, with doorbells in memory
BULK = (
    _bulk("bulk-4k", "one way, 4 KiB writes", bs=4 << 10, mib=128),
    _bulk("bulk-64k", "one way, 64 KiB writes", (*LARGE_PEERS, "net-socat"), bs=64 << 10),
    _bulk("bulk-256k", "one way, 256 KiB writes", bs=256 << 10),
    _bulk("bulk-1m", "one way, 1 MiB writes", bs=1 << 20),
    _bulk("duplex", "both ways at once, 64 KiB", LARGE_PEERS, kind="duplex", mib=128),
    _bulk("sendfile", "a file in the page cache", ("ours", "stock", "stock-poll", "net"),
          kind="sendfile"),
    _bulk("splice", "splice to a file in memory", ("ours", "stock", "stock-poll", "net"),
          kind="splice"),
    _bulk("floor", "sendfile, and splice to nothing", ("ours",), kind="floor"),
    _bulk("copy", "what copying takes by itself", ("memory",), kind="copy"),
    _bulk("streams-2", "2 streams at once, 64 KiB", STREAM_PEERS, streams=2),
    _bulk("streams-4", "4 streams at once, 64 KiB", STREAM_PEERS, streams=4),
    _bulk("streams-6", "6 streams at once, 64 KiB", STREAM_PEERS, streams=6),
    _bulk("ring", "one way, 64 KiB, ring_size", RING_PEERS),
    _bulk("maps", "one way, 64 KiB, mappings counted", STREAM_PEERS, mib=64, maps=True),
    _bulk("maps-file", "sendfile and splice to a file, mappings counted", ("ours",),
          kind="floor", mib=64, maps=True),
)

# Messages and sessions, with doorbells that the simulator is told about, so that it can
# count them, too
LATENCY = (
    Item(Workload("echo-64", "64 B and back", "echo", bs=64, count=2000), POLL_PEERS),
    Item(Workload("echo-4k", "4 KiB and back", "echo", bs=4 << 10, count=1000), POLL_PEERS),
    Item(Workload("echo-64k", "64 KiB and back", "echo", bs=64 << 10, count=300), POLL_PEERS),
    Item(Workload("exchange-8k", "8 KiB both ways at once", "exchange", bs=8 << 10, count=1000),
         POLL_PEERS),
    _bulk("counted-4k", "one way, 4 KiB writes, each doorbell counted", STREAM_PEERS,
          bs=4 << 10, mib=64),
    _bulk("counted-64k", "one way, 64 KiB writes, each doorbell counted", STREAM_PEERS, mib=128),
    Item(Workload("open", "open, a byte, close", "open", bs=1, count=30),
         ("ours", "stock", "net")),
    Item(Workload("first-byte", "open to first byte back", "first-byte", bs=64, count=20),
         ("ours", "stock", "net")),
)

PARTS = {"mapped": BULK, "trapped": LATENCY}
