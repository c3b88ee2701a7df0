# SPDX-License-Identifier: GPL-2.0-only
"""The driver: what is left when all the others are done."""

import pytest

from lab import Lab
from tests.support.streams import BOTH_NEW, MIXED, OURS, pair, prepare, transfer, tunnels_balance

pytestmark = pytest.mark.lab({"6.12": OURS, "7.3": BOTH_NEW, "6.12-7.3": MIXED})


def test_nothing_is_left(lab: Lab) -> None:
    """Every tunnel went down, and the module can be unloaded and loaded again."""
    prepare(lab)
    for host in lab.hosts:
        tunnels_balance(host)
        assert host.run("ls /sys/class/tbstream").stdout == ""
        host.run("rmmod thunderbolt_stream", timeout=20)
        host.run("test ! -e /sys/class/tbstream; ! ls /dev/tbstream* 2> /dev/null")
    for host in lab.hosts:
        host.run("modprobe thunderbolt_stream", timeout=20)
    for host in lab.hosts:
        host.wait_for_peer(30)
    transfer(pair(lab))
