# SPDX-License-Identifier: GPL-2.0-only
"""The simulator, judged by drivers that nobody here wrote: two stock 7.3
kernels with their own thunderbolt_stream."""

from lab import HostSpec, Lab
from lab.host import Host

HOSTS = (HostSpec("alpha", kernel="7.3"), HostSpec("beta", kernel="7.3"))
# Seen by the simulator at each close, in both directions.
STOCK_BREAKS = ("ring-stopped-with-path-enabled",)
LABS = {
    "intel": dict(hosts=HOSTS, profile="intel", driver="stock", tolerate=STOCK_BREAKS),
    "amd": dict(hosts=HOSTS, profile="amd", driver="stock", tolerate=STOCK_BREAKS),
}

CONFIGFS = "/sys/kernel/config/thunderbolt/stream"


def make_stream(lab: Lab) -> None:
    """One stream named "s", same HopIDs on both sides."""
    for host in lab.hosts:
        directory = f"{CONFIGFS}/{host.service()}/s"
        host.run(f"mkdir -p {directory} && cd {directory}"
                 " && echo 8 > in_hopid && echo 8 > out_hopid")
        host.wait_until("test -c /dev/tbstream0", timeout=5)


def transfer(source: Host, sink: Host) -> None:
    """The 64 MiB disk of one host arrives at the other unharmed."""
    reader = sink.start("dd if=/dev/tbstream0 bs=256k status=none | sha256sum")
    # The stock driver loses what is written before the reader is there.
    sink.wait_until("pgrep -x dd && ls -l /proc/$(pgrep -x dd)/fd | grep -q tbstream0", timeout=10)
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
