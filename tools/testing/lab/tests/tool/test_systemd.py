# SPDX-License-Identifier: GPL-2.0-only
"""What `make install` brings for udev and systemd, in guests that systemd has booted."""

import pytest

from lab import Lab
from lab.host import Host
from lab.tool import install_tool
from tests.support.streams import CONFIGFS
from tests.support.tool import WITH_SYSTEMD, records, tbstream

pytestmark = pytest.mark.lab(WITH_SYSTEMD)


def installed(lab: Lab) -> Host:
    """The host with systemd, after `make install` on it."""
    first = lab.hosts[0]
    lab.once("installed", lambda: install_tool(first, lab.directory))
    return first


def declare(host: Host, name: str, text: str) -> None:
    """Write its file and enable it."""
    host.write_file(f"/etc/tbstream.d/{name}.conf", text)
    host.run(f"systemctl enable tbstream@{name}")


def forget(host: Host, name: str) -> None:
    host.run(f"systemctl disable --now tbstream@{name}; rm /etc/tbstream.d/{name}.conf")


def test_units_are_valid(lab: Lab) -> None:
    """systemd finds nothing wrong with them."""
    first = installed(lab)
    first.write_file("/etc/tbstream.d/x.conf", "HOST=second\n")
    checked = first.run("systemd-analyze verify --man=no tbstream@x.service tbstream.target"
                        " && udevadm verify /usr/lib/udev/rules.d/70-tbstream.rules", timeout=60)
    assert checked.stderr == "", checked
    first.run("rm /etc/tbstream.d/x.conf")


def test_names_group_and_device_units(lab: Lab) -> None:
    """Both names lead to the device; its group is tbstream; systemd has units for them."""
    first = installed(lab)
    device = tbstream(first, "create", "second/named", "in_hopid=20", "out_hopid=20").stdout.strip()
    peer, service = first.peer_uuid(), first.service()
    first.run(f"mkdir -p {CONFIGFS}/{service}/other")
    for directory, name in ((peer, "named"), (peer, "other"), (service, "other")):
        first.wait_until(f"test -L /dev/tbstream/by-name/{directory}/{name}", 10)
    assert first.run(f"readlink -f /dev/tbstream/by-name/{peer}/named").stdout.strip() == device
    mode = first.run(f"stat -c '%G %a' {device}").stdout
    assert mode == "tbstream 660\n", mode
    unit = first.run(f"systemd-escape -p --suffix=device /dev/tbstream/by-name/{peer}/named").stdout
    first.wait_until(f"systemctl is-active '{unit.strip()}'", 10)
    for name in ("named", "other"):
        tbstream(first, "remove", name)
    first.wait_until(f"test ! -e /dev/tbstream/by-name/{peer}", 10)


def test_group_may_be_made_after_udev_has_read_its_rules(lab: Lab) -> None:
    """udev reads rules again when it finds them changed, not when the group is there."""
    first = installed(lab)
    first.run("groupdel tbstream && systemctl restart systemd-udevd && udevadm control --ping"
              " && systemd-sysusers tbstream.conf", timeout=60)
    device = tbstream(first, "create", "second/late", "in_hopid=20", "out_hopid=20").stdout.strip()
    first.wait_until("ls /dev/tbstream/by-name/*/late", 10)
    mode = first.run(f"stat -c '%G %a' {device}").stdout
    assert mode == "tbstream 660\n", mode
    tbstream(first, "remove", "late")


def test_declared_stream(lab: Lab) -> None:
    """Starting the unit makes the stream as declared, stopping removes it."""
    first = installed(lab)
    declare(first, "declared", "HOST=second\nATTRIBUTES=ring_size=64 linger=0\n")
    first.run("systemctl start tbstream@declared")
    shown, = records(first, "show", "second/declared")
    assert (shown["ring_size"], shown["linger"]) == (64, 0), shown
    first.run("systemctl stop tbstream@declared")
    assert records(first, "show") == []
    declare(first, "declared", "HOST=second\nSTREAM=renamed\n")
    first.run("systemctl restart tbstream@declared")
    assert [record["stream"] for record in records(first, "show")] == ["renamed"]
    forget(first, "declared")
    assert records(first, "show") == []


def test_declared_stream_comes_with_its_host(lab: Lab) -> None:
    """A host that is away is no failure; the stream is made when it comes, and once only."""
    first = installed(lab)
    declare(first, "later", "HOST=second\n")
    lab.cable.unplug()
    first.wait_for_no_peer()
    first.run("systemctl start tbstream@later")
    state = first.run("systemctl show -p ActiveState -p Result tbstream@later").stdout.split()
    assert sorted(state) == ["ActiveState=inactive", "Result=exec-condition"], state
    assert first.run("systemctl is-failed tbstream@later", check=False).code != 0
    lab.cable.plug()
    first.wait_until("systemctl is-active tbstream@later", 30)
    tbstream(first, "wait", "-t", "20", "host", "second")
    assert [record["stream"] for record in records(first, "show")] == ["later"]

    # The stream outlives the cable, and nothing is made twice.
    lab.cable.unplug()
    first.wait_for_no_peer()
    lab.cable.plug()
    first.wait_for_peer()
    assert [record["stream"] for record in records(first, "show")] == ["later"]
    forget(first, "later")
