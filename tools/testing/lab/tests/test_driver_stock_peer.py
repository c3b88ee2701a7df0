# SPDX-License-Identifier: GPL-2.0-only
"""The driver on 6.12 against the stream driver that Linux 7.3 ships."""

from lab import Lab
from lab.host import Host
from tests.streams import CONFIGFS, WITH_STOCK, Stream, good, io, prepare, start_io, steps

LAB = WITH_STOCK


class StockStream(Stream):
    """A stream of the stock driver: no class directory to look at."""

    def __init__(self, host: Host, name: str) -> None:
        super().__init__(host, name, host.service())


def send(source: Stream, sink: Stream, total: int, seed: int) -> None:
    """Reader first: what is written before the reader is there may be lost."""
    reader = start_io(sink.host, f"seed={seed}", sink.opened("r"), "touch=/tmp/open",
                      "read=eof", "close")
    sink.host.wait_until("test -e /tmp/open", 15)
    # The stock driver has no sign for "paths are up".
    sink.host.run("sleep 1; rm /tmp/open")
    good(io(source.host, f"seed={seed}", source.opened("w"), f"write={total}", "close",
            timeout=60))
    done = good(steps(reader.wait(60)))[3]
    assert done["eof"] and done["ret"] == total, f"expected {total} bytes: {done}"


def exchange(ours: Stream, stock: Stream) -> None:
    send(ours, stock, 5000, 71)
    send(stock, ours, 5000, 72)
    send(ours, stock, 32 << 20, 73)
    send(stock, ours, 32 << 20, 74)


def test_manual_hopids(lab: Lab) -> None:
    """With the same HopIDs written on both sides bytes and EOF arrive both ways."""
    alpha, beta = prepare(lab)
    ours = Stream(alpha, "manual").set(in_hopid=9, out_hopid=10)
    stock = StockStream(beta, "manual").set(in_hopid=10, out_hopid=9)
    exchange(ours, stock)


def test_ours_adopts(lab: Lab) -> None:
    """The stock side writes -1 twice; ours takes over its choice, mirrored."""
    alpha, beta = prepare(lab)
    stock = StockStream(beta, "adopt").set(in_hopid=-1, out_hopid=-1)
    ours = Stream(alpha, "adopt")
    alpha.wait_until(f"cat {ours.directory}/*hopid; [ $(cat {ours.directory}/in_hopid) != 0 ]", 10,
                     "HopIDs adopted")
    assert ours.hopids() == tuple(reversed(stock.hopids())), (ours.hopids(), stock.hopids())
    exchange(ours, stock)


def test_stock_adopts(lab: Lab) -> None:
    """Ours writes -1 twice; the stock side finds the HopIDs in its mkdir."""
    alpha, beta = prepare(lab)
    ours = Stream(alpha, "lead").set(in_hopid=-1, out_hopid=-1)
    # It looks at mkdir only, and our properties need a moment to get there.
    base = f"{CONFIGFS}/{beta.service()}"
    beta.run(f"mkdir -p {base}")
    beta.wait_until(f"mkdir {base}/lead && cat {base}/lead/*hopid &&"
                    f" [ $(cat {base}/lead/in_hopid) -ge 8 ] || {{ rmdir {base}/lead; false; }}",
                    20, "HopIDs adopted by the stock driver")
    stock = StockStream(beta, "lead")
    assert stock.hopids() == tuple(reversed(ours.hopids())), (ours.hopids(), stock.hopids())
    exchange(ours, stock)


def test_unplug_replug(lab: Lab) -> None:
    """After unplug and replug ours needs no new configuration."""
    alpha, beta = prepare(lab)
    ours = Stream(alpha, "again").set(in_hopid=9, out_hopid=10)
    StockStream(beta, "again").set(in_hopid=10, out_hopid=9)
    lab.cable.unplug()
    for host in lab.hosts:
        host.wait_for_no_peer()
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer()
    beta.run(f"d={CONFIGFS}/{beta.service()}/again; mkdir -p $d && cd $d"
             " && echo 10 > in_hopid && echo 9 > out_hopid")
    stock = StockStream(beta, "again")
    exchange(ours, stock)
