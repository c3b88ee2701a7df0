# SPDX-License-Identifier: GPL-2.0-only
"""What `make install` brings for udev and systemd, in guests that systemd has booted."""

import subprocess

from lab import HostSpec, Lab, paths
from lab.host import Host
from lab.lab import SYSTEMD
from tests.streams import CONFIGFS
from tests.tool import SOURCE, records, tbstream

LAB = {"hosts": (HostSpec("alpha", init=SYSTEMD), HostSpec("beta")), "driver": "ours"}


def installed(lab: Lab) -> Host:
    """The host with systemd, after `make install` on it."""
    alpha = lab.hosts[0]
    if not hasattr(lab, "installed"):
        staged = lab.directory / "installed"
        subprocess.run(["make", "-s", "-C", str(SOURCE), f"O={paths.BUILD / 'tbstream'}", "install",
                        f"DESTDIR={staged}"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["tar", "-cf", str(lab.directory / "installed.tar"), "-C", str(staged), "."],
                       check=True)
        alpha.put(lab.directory / "installed.tar", "/run/installed.tar")
        alpha.run("tar -xf /run/installed.tar -C / --no-same-owner --keep-directory-symlink &&"
                  " systemd-sysusers && udevadm control --reload && systemctl daemon-reload")
        setattr(lab, "installed", True)
    return alpha


def declare(host: Host, name: str, text: str) -> None:
    """Write its file and enable it."""
    host.write_file(f"/etc/tbstream.d/{name}.conf", text)
    host.run(f"systemctl enable tbstream@{name}")


def forget(host: Host, name: str) -> None:
    host.run(f"systemctl disable --now tbstream@{name}; rm /etc/tbstream.d/{name}.conf")


def test_units_are_valid(lab: Lab) -> None:
    """systemd finds nothing wrong with them."""
    alpha = installed(lab)
    alpha.write_file("/etc/tbstream.d/x.conf", "HOST=beta\n")
    checked = alpha.run("systemd-analyze verify --man=no tbstream@x.service tbstream.target"
                        " && udevadm verify /usr/lib/udev/rules.d/70-tbstream.rules", timeout=60)
    assert checked.stderr == "", checked
    alpha.run("rm /etc/tbstream.d/x.conf")


def test_names_group_and_device_units(lab: Lab) -> None:
    """Both names lead to the device; its group is tbstream; systemd has units for them."""
    alpha = installed(lab)
    device = tbstream(alpha, "create", "beta/named", "in_hopid=20", "out_hopid=20").stdout.strip()
    peer, service = alpha.peer_uuid(), alpha.service()
    alpha.run(f"mkdir -p {CONFIGFS}/{service}/other")
    for directory, name in ((peer, "named"), (peer, "other"), (service, "other")):
        alpha.wait_until(f"test -L /dev/tbstream/by-name/{directory}/{name}", 10)
    assert alpha.run(f"readlink -f /dev/tbstream/by-name/{peer}/named").stdout.strip() == device
    assert alpha.run(f"stat -c '%G %a' {device}").stdout == "tbstream 660\n"
    unit = alpha.run(f"systemd-escape -p --suffix=device /dev/tbstream/by-name/{peer}/named").stdout
    alpha.wait_until(f"systemctl is-active '{unit.strip()}'", 10)
    for name in ("named", "other"):
        tbstream(alpha, "remove", name)
    alpha.wait_until(f"test ! -e /dev/tbstream/by-name/{peer}", 10)


def test_declared_stream(lab: Lab) -> None:
    """Starting the unit makes the stream as declared, stopping removes it."""
    alpha = installed(lab)
    declare(alpha, "declared", "HOST=beta\nATTRIBUTES=ring_size=64 linger=0\n")
    alpha.run("systemctl start tbstream@declared")
    shown, = records(alpha, "show", "beta/declared")
    assert (shown["ring_size"], shown["linger"]) == (64, 0), shown
    alpha.run("systemctl stop tbstream@declared")
    assert records(alpha, "show") == []
    declare(alpha, "declared", "HOST=beta\nSTREAM=renamed\n")
    alpha.run("systemctl restart tbstream@declared")
    assert [record["stream"] for record in records(alpha, "show")] == ["renamed"]
    forget(alpha, "declared")
    assert records(alpha, "show") == []


def test_declared_stream_comes_with_its_host(lab: Lab) -> None:
    """A host that is away is no failure; the stream is made when it comes, and once only."""
    alpha = installed(lab)
    declare(alpha, "later", "HOST=beta\n")
    lab.cable.unplug()
    alpha.wait_for_no_peer()
    alpha.run("systemctl start tbstream@later")
    state = alpha.run("systemctl show -p ActiveState -p Result tbstream@later").stdout.split()
    assert sorted(state) == ["ActiveState=inactive", "Result=exec-condition"], state
    assert alpha.run("systemctl is-failed tbstream@later", check=False).code != 0
    lab.cable.plug()
    alpha.wait_until("systemctl is-active tbstream@later", 30)
    tbstream(alpha, "wait", "-t", "20", "host", "beta")
    assert [record["stream"] for record in records(alpha, "show")] == ["later"]

    # The stream outlives the cable, and nothing is made twice.
    lab.cable.unplug()
    alpha.wait_for_no_peer()
    lab.cable.plug()
    alpha.wait_for_peer()
    assert [record["stream"] for record in records(alpha, "show")] == ["later"]
    forget(alpha, "later")
