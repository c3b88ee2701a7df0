# SPDX-License-Identifier: GPL-2.0-only
"""The simulator, judged by drivers that nobody here wrote: two stock 7.3
kernels with their own thunderbolt_stream."""

import pytest

from lab import HostSpec, Lab, LabConfig
from lab.host import Host

HOSTS = (HostSpec("alpha", kernel="7.3"), HostSpec("beta", kernel="7.3"))
# Seen by the simulator at each close, in both directions.
STOCK_BREAKS = ("ring-stopped-with-path-enabled",)
pytestmark = [pytest.mark.full,
              pytest.mark.lab({profile: LabConfig(HOSTS, profile=profile, driver="stock",
                                                  tolerate=STOCK_BREAKS)
                               for profile in ("intel", "amd")})]

CONFIGFS = "/sys/kernel/config/thunderbolt/stream"


def make_stream(lab: Lab) -> None:
    """One stream named "s", same HopIDs on both sides."""
    for host in lab.hosts:
        directory = f"{CONFIGFS}/{host.service()}/s"
        host.run(f"mkdir -p {directory} && cd {directory}"
                 " && echo 8 > in_hopid && echo 8 > out_hopid")
        host.wait_until("test -c /dev/tbstream0", timeout=5)


def transfer(source: Host, sink: Host) -> None:
    """The 64 MiB disk of one host arrives at the other unharmed. The stock
    driver needs care: it loses what is written before the reader is there, or
    just opening, and says no CLOSE when its ring is full at close, so the
    reader counts bytes instead of waiting for the end."""
    reader = sink.start(f"head -c {64 << 20} /dev/tbstream0 | sha256sum")
    sink.wait_until("ls -l /proc/$(pgrep -x head)/fd | grep -q tbstream0", timeout=10)
    source.run("sleep 1; dd if=/dev/vdb of=/dev/tbstream0 bs=256k", timeout=120)
    received = reader.wait(60)
    assert received.stdout == source.run("sha256sum < /dev/vdb", timeout=30).stdout, received


def test_disk_each_way(lab: Lab) -> None:
    """64 MiB of random bytes each way, checksums equal."""
    make_stream(lab)
    transfer(*lab.hosts)
    transfer(*reversed(lab.hosts))


def test_unplug_replug(lab: Lab) -> None:
    """After unplug and replug a stream can be made and used again."""
    lab.cable.unplug()
    for host in lab.hosts:
        host.wait_for_no_peer(timeout=10)
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer(timeout=30)
    make_stream(lab)
    transfer(*lab.hosts)
