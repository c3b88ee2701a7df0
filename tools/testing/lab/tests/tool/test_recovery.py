# SPDX-License-Identifier: GPL-2.0-only
"""A host that does not boot is backed up from its initramfs, and restored elsewhere.

What is typed for the backup is what the user's guide says."""

import pytest

from lab import HostSpec, Lab, LabConfig
from tests.support.doc_runner import DocRunner, on_guest, types
from tests.support.tool import install_on, tbstream

pytestmark = [pytest.mark.full,
              pytest.mark.lab({name: LabConfig((HostSpec("rescuer"),), recovery=name)
                               for name in ("initramfs-tools", "dracut")})]


@types("guide", "A host that does not start")
def test_disk_is_backed_up_and_restored(lab: Lab, doc_runner: DocRunner) -> None:
    """The whole disk, to a file and from that to another disk; all three are equal."""
    rescuer, rescued = lab.hosts[0], lab.recovery_host
    install_on(lab, rescuer)
    commands = [line.command for line in doc_runner.lines(rescuer.name)]
    receiver = rescuer.start("\n".join(["cd /root; set -e", *commands]))
    for line in doc_runner.lines("(initramfs)"):
        screen = rescued.type(on_guest(line.command), timeout=120)
        # Wherever between the lines systemd says something of its own
        answer = rescued.type("echo status=$?")
        assert "status=0" in answer, screen + answer
    received = receiver.wait(60)
    assert received.code == 0, received
    checksum = received.stderr.split("sha256 ")[1].split()[0]
    assert f"sha256 {checksum}" in screen and "67108864 bytes" in screen, screen

    rescuer.run("cat /root/disk.img > /dev/vdb", timeout=60)
    sums = rescuer.run("cd /root; sha256sum < disk.img; sha256sum < /dev/vdb; rm disk.img",
                       timeout=60).stdout
    assert sums.split()[::2] == [checksum] * 2, sums


def test_disk_is_restored_over_the_cable(lab: Lab) -> None:
    """The way back: the other host sends what it holds, and reads it again from there."""
    rescuer, rescued = lab.hosts[0], lab.recovery_host
    install_on(lab, rescuer)
    tbstream(rescuer, "create", "restore")
    assert "rror" not in rescued.type("udevadm wait /dev/vdb")
    rescued.type("tbstream create restore")
    sender = rescuer.start("tbstream send restore /dev/vdb")
    screen = rescued.type("tbstream receive restore /dev/vdb", timeout=120)
    sent = sender.wait(60)
    assert sent.code == 0, sent
    checksum = sent.stderr.split("sha256 ")[1].split()[0]
    assert f"sha256 {checksum}" in screen, screen

    receiver = rescuer.start("tbstream receive restore > /dev/null")
    assert f"sha256 {checksum}" in rescued.type("tbstream send restore /dev/vdb", timeout=120)
    assert f"sha256 {checksum}" in receiver.wait(60).stderr
