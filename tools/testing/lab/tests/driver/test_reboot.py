# SPDX-License-Identifier: GPL-2.0-only
"""The driver: a host that is restarted while its streams are open."""

import pytest

from lab import Lab
from tests.support.streams import MIXED, PREPARED, errnos, pair, start_io, steps, transfer

pytestmark = pytest.mark.lab(MIXED)


def reboot(lab: Lab, which: int) -> None:
    """Calls on the other host end when one reboots, and new ones work when it is back."""
    away, home = pair(lab), pair(lab, hopid=10)
    stays, goes = lab.hosts[1 - which], lab.hosts[which]
    far_reader = start_io(goes, away[which].opened("r"), "read=8m", "await=/tmp/never,600000")
    far_writer = start_io(goes, home[which].opened("w"), "write=8m", "await=/tmp/never,600000")
    writer = start_io(stays, away[1 - which].opened("w"), "write=1g:64k", "close")
    reader = start_io(stays, home[1 - which].opened("r"), "read=eof", "close")
    away[which].wait_count("rx_bytes", 1 << 20)
    home[1 - which].wait_count("rx_bytes", 1 << 20)
    assert all(one.poll() is None for one in (far_reader, far_writer, writer, reader))
    lab.reboot(goes)
    # With what prepare() has done there
    lab.forget(PREPARED)
    # EPIPE is said by the host that goes; a cable that is pulled says ENXIO
    assert errnos(steps(writer.wait(20))) == [None, "EPIPE", "EIO"]
    done = steps(reader.wait(20))
    assert done[1]["errno"] == "EIO" and not done[1]["eof"] and "mismatch" not in done[1], done
    for stream in (away, home):
        stream[1 - which].remove()
    transfer(pair(lab))


def test_old_kernel_reboots(lab: Lab) -> None:
    """When a host with Linux 6.12 is restarted, the other one's calls end at once."""
    reboot(lab, 0)


def test_new_kernel_reboots(lab: Lab) -> None:
    """When a host with Linux 7.3 is restarted, the other one's calls end at once."""
    reboot(lab, 1)


def crash(lab: Lab, which: int) -> None:
    """The other host's calls end when the one that crashed has answered nothing for the
    time of linger, not before and not as if all had arrived; then it works again."""
    away, home = pair(lab), pair(lab, hopid=10)
    stays, goes = lab.hosts[1 - which], lab.hosts[which]
    for stream in (away[1 - which], home[1 - which]):
        stream.set(linger=8000)
    start_io(goes, away[which].opened("r"), "read=8m", "await=/tmp/never,600000")
    start_io(goes, home[which].opened("w"), "write=8m", "await=/tmp/never,600000")
    writer = start_io(stays, away[1 - which].opened("w"), "write=1g:64k", "close")
    reader = start_io(stays, home[1 - which].opened("r"), "read=eof", "close")
    away[which].wait_count("rx_bytes", 1 << 20)
    home[1 - which].wait_count("rx_bytes", 8 << 20)
    lab.expect_log("Kernel panic - not syncing: sysrq triggered crash|Call Trace:")
    goes.crash()
    assert writer.poll() is None and reader.poll() is None
    home[1 - which].wait_state("unresponsive", 15)
    assert "ETIMEDOUT" in errnos(steps(writer.wait(30)))
    done = steps(reader.wait(30))
    assert done[1]["errno"] == "ETIMEDOUT" and not done[1]["eof"], done
    assert "mismatch" not in done[1], done
    lab.reset(goes)
    # With what prepare() has done there
    lab.forget(PREPARED)
    for stream in (away, home):
        stream[1 - which].remove()
    transfer(pair(lab))


def test_old_kernel_crashes(lab: Lab) -> None:
    """When a host with Linux 6.12 crashes, the other one's calls fail in time."""
    crash(lab, 0)


def test_new_kernel_crashes(lab: Lab) -> None:
    """When a host with Linux 7.3 crashes, the other one's calls fail in time."""
    crash(lab, 1)
