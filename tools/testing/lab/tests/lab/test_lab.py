# SPDX-License-Identifier: GPL-2.0-only
"""The lab itself: what tests rely on, on hosts without a controller."""

import hashlib
import tempfile
import time
from pathlib import Path

import pytest

from lab import (CommandFailed, CommandTimeout, ConditionTimeout, HostSpec, Lab,
                 LabConfig)

pytestmark = pytest.mark.lab(LabConfig(
    (HostSpec("alpha", kernel="6.12"), HostSpec("beta", kernel="7.3")), driver=None,
    simulator=False))


def test_exit_code_and_streams(lab: Lab) -> None:
    """Exit code, standard output and error output arrive apart; input gets in."""
    for host in lab.hosts:
        result = host.run("cat; echo out; echo err >&2; exit 7", check=False, stdin=b"in\n")
        assert (result.code, result.stdout, result.stderr) == (7, "in\nout\n", "err\n"), result
        assert host.run("kill -TERM $$", check=False).code == 143
        assert host.run("hostname").stdout == f"{host.name}\n"


def test_check_raises(lab: Lab) -> None:
    """A failing command raises CommandFailed and tells what it printed."""
    try:
        lab.hosts[0].run("echo reason >&2; exit 3")
    except CommandFailed as error:
        assert "reason" in str(error) and "exit code 3" in str(error), error
    else:
        raise AssertionError("no CommandFailed")


def test_timeout_kills_the_group(lab: Lab) -> None:
    """A command that takes too long is killed with all its children."""
    alpha = lab.hosts[0]
    began = time.monotonic()
    try:
        alpha.run("sleep 1000 & sleep 1000; wait", timeout=1)
    except CommandTimeout as error:
        assert "sleep" in str(error), error
    else:
        raise AssertionError("no CommandTimeout")
    assert time.monotonic() - began < 10 * lab.scale
    alpha.wait_until("! pgrep -x sleep", timeout=5)


def test_start_poll_wait_kill(lab: Lab) -> None:
    """A started command runs beside others until it ends or is killed."""
    beta = lab.hosts[1]
    beta.run("mkfifo /tmp/fifo")
    process = beta.start("read line < /tmp/fifo; echo got $line")
    assert process.poll() is None
    beta.run("echo this > /tmp/fifo")
    assert process.wait(10).stdout == "got this\n"
    sleeper = beta.start("exec sleep 1000")
    assert sleeper.poll() is None
    sleeper.kill()
    assert sleeper.wait(10).code == 137
    beta.run("rm /tmp/fifo")


def test_files_in_and_out(lab: Lab) -> None:
    """A file copied into one guest and out again is the same."""
    content = hashlib.shake_256(b"lab").digest(3 << 20)
    with tempfile.TemporaryDirectory() as directory:
        there, back = Path(directory, "there"), Path(directory, "back")
        there.write_bytes(content)
        for host in lab.hosts:
            host.put(there, "/tmp/file with space")
            digest = host.run("sha256sum < '/tmp/file with space'").stdout.split()[0]
            assert digest == hashlib.sha256(content).hexdigest()
            host.get("/tmp/file with space", back)
            assert back.read_bytes() == content
            host.run("rm '/tmp/file with space'")


def test_wait_until_gives_up(lab: Lab) -> None:
    """A condition that never comes true ends in ConditionTimeout with its name."""
    try:
        lab.hosts[0].wait_until("test -e /nowhere", timeout=0.5, what="the impossible")
    except ConditionTimeout as error:
        assert "the impossible" in str(error), error
    else:
        raise AssertionError("no ConditionTimeout")


def test_disks(lab: Lab) -> None:
    """Each host has a second disk of 64 MiB, random and different, writable."""
    digests = set()
    for host in lab.hosts:
        assert host.run("blockdev --getsize64 /dev/vdb").stdout.strip() == str(64 << 20)
        digests.add(host.run("sha256sum < /dev/vdb", timeout=60).stdout)
        host.run("dd if=/dev/zero of=/dev/vdb bs=4096 count=1 conv=fsync status=none")
    assert len(digests) == 2


def test_kernel_faults_are_noticed(lab: Lab) -> None:
    """A warning in a kernel log fails the health check, unless expected."""
    alpha = lab.hosts[0]
    alpha.run("echo 'WARNING: CPU: 0 PID: 1 at lab' > /dev/kmsg")
    try:
        lab.health_check()
    except AssertionError as error:
        assert "alpha" in str(error) and "at lab" in str(error), error
    else:
        raise AssertionError("the health check did not notice")
    lab.expect_log("WARNING: .* at lab")
    alpha.run("echo 'WARNING: CPU: 0 PID: 1 at lab' > /dev/kmsg")


def test_suspend_resume(lab: Lab) -> None:
    """Both kernels come back from S3 and answer at once."""
    for host in lab.hosts:
        host.suspend_resume()
        assert "ACPI: PM: Preparing to enter system sleep state S3" in host.dmesg()
        assert host.run("echo awake").stdout == "awake\n"
