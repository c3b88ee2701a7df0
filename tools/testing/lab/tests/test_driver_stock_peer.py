# SPDX-License-Identifier: GPL-2.0-only
"""The driver on 6.12 against the stream driver that Linux 7.3 ships."""

from lab import Lab
from lab.host import Host
from tests.streams import CONFIGFS, WITH_STOCK, Stream, good, prepare, start_io, steps

LAB = WITH_STOCK


def ours(stream: Stream) -> bool:
    return not isinstance(stream, StockStream)


class StockStream(Stream):
    """A stream of the stock driver: no class directory to look at."""

    def __init__(self, host: Host, name: str) -> None:
        super().__init__(host, name, host.service())


def send(source: Stream, sink: Stream, total: int, seed: int) -> None:
    """Reader first: what is written before the reader is there may be lost."""
    before = sink.count("rx_bytes") if ours(sink) else 0
    reader = start_io(sink.host, f"seed={seed}", sink.opened("r"), "touch=/tmp/open",
                      "read=eof", "close")
    sink.host.wait_until("test -e /tmp/open", 15)
    # The stock driver has no sign for "paths are up".
    sink.host.run("sleep 1; rm /tmp/open")
    writer = start_io(source.host, f"seed={seed}", source.opened("w"), f"write={total}",
                      "touch=/tmp/written", "await=/tmp/received,60000", "close")
    source.host.wait_until("test -e /tmp/written", 60)
    # The stock driver says no CLOSE when its ring is full at that moment.
    if ours(sink):
        sink.wait_count("rx_bytes", before + total, 30)
    source.host.run("touch /tmp/received")
    good(steps(writer.wait(30)))
    source.host.run("rm /tmp/received /tmp/written")
    done = good(steps(reader.wait(30)))[3]
    assert done["eof"] and done["ret"] == total, f"expected {total} bytes: {done}"


def exchange(left: Stream, right: Stream) -> None:
    """Small and large, both ways."""
    for seed, total in ((71, 5000), (72, 32 << 20)):
        send(left, right, total, seed)
        send(right, left, total, seed + 10)


def test_manual_hopids(lab: Lab) -> None:
    """With the same HopIDs written on both sides bytes and EOF arrive both ways."""
    alpha, beta = prepare(lab)
    here = Stream(alpha, "manual").set(in_hopid=9, out_hopid=10)
    there = StockStream(beta, "manual").set(in_hopid=10, out_hopid=9)
    exchange(here, there)


def test_ours_adopts(lab: Lab) -> None:
    """The stock side writes -1 twice; ours takes over its choice, mirrored."""
    alpha, beta = prepare(lab)
    there = StockStream(beta, "adopt").set(in_hopid=-1, out_hopid=-1)
    here = Stream(alpha, "adopt")
    alpha.wait_until(f"cat {here.directory}/*hopid; [ $(cat {here.directory}/in_hopid) != 0 ]", 10,
                     "HopIDs adopted")
    assert here.hopids() == tuple(reversed(there.hopids())), (here.hopids(), there.hopids())
    exchange(here, there)


def test_stock_adopts(lab: Lab) -> None:
    """Ours writes -1 twice; the stock side finds the HopIDs in its mkdir."""
    alpha, beta = prepare(lab)
    here = Stream(alpha, "lead").set(in_hopid=-1, out_hopid=-1)
    # It looks at mkdir only, and our properties need a moment to get there.
    base = f"{CONFIGFS}/{beta.service()}"
    beta.run(f"mkdir -p {base}")
    beta.wait_until(f"mkdir {base}/lead && cat {base}/lead/*hopid &&"
                    f" [ $(cat {base}/lead/in_hopid) -ge 8 ] || {{ rmdir {base}/lead; false; }}",
                    20, "HopIDs adopted by the stock driver")
    there = StockStream(beta, "lead")
    assert there.hopids() == tuple(reversed(here.hopids())), (here.hopids(), there.hopids())
    exchange(here, there)


def test_unplug_replug(lab: Lab) -> None:
    """After unplug and replug ours needs no new configuration."""
    alpha, beta = prepare(lab)
    here = Stream(alpha, "again").set(in_hopid=9, out_hopid=10)
    StockStream(beta, "again").set(in_hopid=10, out_hopid=9)
    lab.cable.unplug()
    for host in lab.hosts:
        host.wait_for_no_peer()
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer()
    # What the stock driver keeps of its configuration is not ours to test.
    directory = f"{CONFIGFS}/{beta.service()}/again"
    beta.wait_until(f"mkdir -p {directory} && cd {directory} && cat *hopid &&"
                    " { [ $(cat in_hopid) = 10 ] || echo 10 > in_hopid; } &&"
                    " { [ $(cat out_hopid) = 9 ] || echo 9 > out_hopid; }", 10,
                    "HopIDs of the stock driver as before")
    exchange(here, StockStream(beta, "again"))
