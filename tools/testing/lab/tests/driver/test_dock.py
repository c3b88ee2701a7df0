# SPDX-License-Identifier: GPL-2.0-only
"""The driver, and one that nobody here wrote, through a dock between two hosts."""

import pytest

from lab import Cable, Dock, HostSpec, Lab, LabConfig
from lab.host import Host
from tests.support.chain import DOCKED, SYSFS, join
from tests.support.streams import transfer
from tests.support.doc_runner import DocRunner, types

pytestmark = pytest.mark.lab(DOCKED)


def test_dock_belongs_to_one_host(lab: Lab) -> None:
    """first has the dock as 0-3 and second behind it; second has no dock between."""
    first, second, _ = lab.hosts
    assert first.read_file(f"{SYSFS}/0-3/device_name").strip() == "USB4 hub"
    assert first.service() == "0-503.0"
    assert second.read_file(f"{SYSFS}/0-1/unique_id") == first.read_file(f"{SYSFS}/0-0/unique_id")
    for host in (second, lab.hosts[2]):
        assert "hub" not in host.run(f"cat {SYSFS}/*/device_name").stdout


def test_highest_hopid(lab: Lab) -> None:
    """The HopIDs that first uses on the cable to the dock differ from the stream's: a stream
    with the highest ones works."""
    transfer(join(lab, "dock", "highest", 23))


@types("guide", "Through a dock")
def test_guide_through_a_dock(lab: Lab, doc_runner: DocRunner) -> None:
    """What the user's guide says about a dock, word for word: a disk arrives as a file."""
    first, second, _ = lab.hosts
    doc_runner.type(first, second)
    sent = second.run("sha256sum < /dev/vdb", timeout=30).stdout
    received = first.run("sha256sum < /root/disk.img; rm /root/disk.img", timeout=30).stdout
    assert received == sent, f"expected {sent}, got {received}"


# A driver that nobody here wrote ----------------------------------------

def ping(host: Host, address: str) -> None:
    # The first one may wait for address resolution.
    host.wait_until(f"ping -c 1 -W 2 {address}", timeout=20)
    host.run(f"ping -i 0.1 -c 10 -W 5 -s 8000 {address}")


@pytest.mark.slow
@pytest.mark.lab(LabConfig((HostSpec("alpha", kernel="7.3"), HostSpec("beta")), driver=None,
                           net=True, lanes=2, docks=(Dock("hub"),),
                           cables=(Cable("alpha:3", "hub:1"), Cable("hub:5", "beta:1"))))
def test_thunderbolt_net(lab: Lab) -> None:
    """thunderbolt_net works through the dock, over bonded lanes, and after each replug."""
    for number, host in enumerate(lab.hosts, 1):
        assert host.service("network") == ("0-503.0", "0-1.0")[number - 1]
    for cable in (None, *lab.cables):
        if cable is not None:
            cable.unplug()
            for host in lab.hosts:
                host.wait_for_no_peer()
                host.wait_until("! ip link show thunderbolt0", timeout=10)
            cable.plug()
            lab.wait_for_peers()
        for number, host in enumerate(lab.hosts, 1):
            host.wait_until("ip link show thunderbolt0", timeout=10)
            host.run(f"ip addr replace 10.0.0.{number}/24 dev thunderbolt0"
                     " && ip link set thunderbolt0 up")
        for number, host in enumerate(lab.hosts, 1):
            host.wait_until("test $(cat /sys/class/net/thunderbolt0/carrier) = 1", timeout=20,
                            what="carrier on thunderbolt0")
            ping(host, f"10.0.0.{3 - number}")
