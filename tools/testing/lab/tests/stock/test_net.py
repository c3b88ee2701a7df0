# SPDX-License-Identifier: GPL-2.0-only
"""The simulator, judged by drivers that nobody here wrote: two stock 6.12
kernels with thunderbolt and thunderbolt_net."""

import pytest

from lab import HostSpec, Lab, LabConfig

HOSTS = (HostSpec("alpha", kernel="6.12"), HostSpec("beta", kernel="6.12"))
pytestmark = [pytest.mark.full,
              pytest.mark.lab({profile: LabConfig(HOSTS, profile=profile, driver=None, net=True)
                               for profile in ("intel", "amd")})]

DEVICES = "/sys/bus/thunderbolt/devices"


def addresses_up(lab: Lab) -> None:
    """Give both ends of the cable an address, as a user would."""
    for number, host in enumerate(lab.hosts, 1):
        host.wait_until("ip link show thunderbolt0", timeout=10)
        host.run(f"ip addr replace 10.0.0.{number}/24 dev thunderbolt0"
                 " && ip link set thunderbolt0 up")
    for host in lab.hosts:
        host.wait_until("test $(cat /sys/class/net/thunderbolt0/carrier) = 1", timeout=20,
                        what="carrier on thunderbolt0")


def ping(lab: Lab) -> None:
    """Ten echo requests in each direction, none lost."""
    alpha, beta = lab.hosts
    # The first one may wait for address resolution.
    alpha.wait_until("ping -c 1 -W 2 10.0.0.2", timeout=20)
    alpha.run("ping -i 0.1 -c 10 -W 5 10.0.0.2")
    beta.run("ping -i 0.1 -c 10 -W 5 -s 8000 10.0.0.1")


def test_hosts_see_each_other(lab: Lab) -> None:
    """Each side has an XDomain with the other's UUID, name and service."""
    for host, peer in (lab.hosts, reversed(lab.hosts)):
        xdomain = host.xdomain()
        assert host.read_file(f"{DEVICES}/{xdomain}/device_name").strip() == peer.name
        own = peer.run(f"cat {DEVICES}/0-0/unique_id").stdout.strip()
        assert host.peer_uuid().split("-")[0] == own.split("-")[0], (host.peer_uuid(), own)
        service = host.service("network")
        assert host.read_file(f"{DEVICES}/{service}/prtcvers").strip() == "1"
        assert host.run(f"basename $(readlink {DEVICES}/{service}/driver)").stdout.strip() \
            == "thunderbolt-net"


def test_ping(lab: Lab) -> None:
    """ping works in both directions, also with fragments."""
    addresses_up(lab)
    ping(lab)


def test_transfer(lab: Lab) -> None:
    """A disk of 64 MiB crosses thunderbolt0 in each direction unharmed."""
    addresses_up(lab)
    for number, (source, sink) in enumerate((lab.hosts, lab.hosts[::-1])):
        reader = sink.start("socat -u TCP-LISTEN:5001,reuseaddr - | sha256sum")
        sink.wait_until("ss -ltn | grep -q :5001", timeout=5)
        source.run(f"socat -u OPEN:/dev/vdb TCP:10.0.0.{2 - number}:5001", timeout=120)
        received = reader.wait(30).stdout
        assert received == source.run("sha256sum < /dev/vdb", timeout=30).stdout


def test_unplug_replug(lab: Lab) -> None:
    """A pulled cable takes the peer away; plugged in again, ping works again."""
    for _ in range(2):
        lab.cable.unplug()
        for host in lab.hosts:
            host.wait_for_no_peer(timeout=10)
            host.wait_until("! ip link show thunderbolt0", timeout=10)
        lab.cable.plug()
        for host in lab.hosts:
            host.wait_for_peer(timeout=30)
        addresses_up(lab)
        ping(lab)


def test_suspend_resume(lab: Lab) -> None:
    """After S3 of one side, which resets its controller, ping works again."""
    addresses_up(lab)
    ping(lab)
    for host in lab.hosts:
        host.suspend_resume()
        for side in lab.hosts:
            side.wait_for_peer(timeout=30)
        addresses_up(lab)
        ping(lab)


@pytest.mark.lab(LabConfig(HOSTS, driver=None, net=True, lanes=2))
def test_two_lanes(lab: Lab) -> None:
    """Two lanes are bonded to one link."""
    for host in lab.hosts:
        device = f"{DEVICES}/{host.xdomain()}"
        host.wait_until(f"grep -qx 2 {device}/rx_lanes && grep -qx 2 {device}/tx_lanes", timeout=20)
    addresses_up(lab)
    ping(lab)


@pytest.mark.lab(LabConfig((HostSpec("alpha", kernel="7.3"), HostSpec("beta", kernel="6.12")),
                           driver=None, net=True, usb4=2))
def test_usb4_version_2(lab: Lab) -> None:
    """Kernels 7.3 and 6.12 find each other over routers of USB4 version 2."""
    addresses_up(lab)
    ping(lab)
