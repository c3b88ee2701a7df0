# SPDX-License-Identifier: GPL-2.0-only
"""Storms: everything at once and at random, for TORTURE_SECONDS, of which half a minute is
enough; what it consists of follows from TBLAB_SEED.

In a storm on kernels as they are shipped no cable is pulled and no controller loses its
driver, because of a fault that they have: a message that expects no response, as those of
this driver and the answers of the core do, is in the core's queue until a work item has run.
A router's error that comes while this runs, such as for a message into a cable that has just
been pulled, is taken for its response: the request is freed twice. The debug kernel, whose
core is corrected, has it all."""

import random
import re
import time

import pytest

from lab import Lab
from lab.errors import CommandFailed
from lab.host import Host
from tests.support.debug import DEBUG
from tests.support.storms import CORE_TIMEOUTS, SEED, Storm, all_over, begin, end, have_worked, slowness
from tests.support.streams import MIXED

pytestmark = [pytest.mark.full, pytest.mark.lab(MIXED)]
# What has to work at least once on one of the hosts, or it was no storm
OF_USERS = ("open", "read", "write", "fsync", "poll", "uring-poll", "uring-fsync", "close")
OF_DRIVERS = OF_USERS + ("mkdir", "rmdir", "attribute", "service-unbind", "service-bind",
                         "unload", "load")
OF_ALL = OF_DRIVERS + ("nhi-unbind", "nhi-bind")


def _pull_the_cable(lab: Lab, rng: random.Random, storms: list[Storm]) -> None:
    """What only happens outside of the hosts: a hand at the cable, as long as the storms
    last. When it happens is what is random, so this waits for no condition.

    No host sleeps meanwhile: when its peer announces changed properties between
    tb_xdomain_suspend() and tb_domain_suspend_noirq(), tb_ctl_stop() of 6.12 empties the
    list of requests under one that is being waited for, and the list is corrupt. See
    test_hosts_sleep_in_a_storm_of_users."""
    while not all_over(storms):
        pull = time.monotonic() + rng.uniform(2, 15) * slowness(lab)
        while time.monotonic() < pull and not all_over(storms):
            time.sleep(0.1)
        lab.cable.unplug()
        time.sleep(rng.uniform(0, 1.5))
        lab.cable.plug()


def _wait_for_the_end(storms: list[Storm]) -> None:
    while not all_over(storms):
        time.sleep(0.1)


def test_users_and_administrators_at_once(lab: Lab) -> None:
    """Whatever users and administrators do with streams, services and the module leaves no
    fault and nothing else."""
    rng = random.Random(SEED)
    begin(lab)
    storms = [Storm(lab, host, rng, "drivers") for host in lab.hosts]
    _wait_for_the_end(storms)
    have_worked(storms, OF_DRIVERS)
    end(lab)


@pytest.mark.slow
@pytest.mark.lab(DEBUG)
def test_everything_at_once_under_watch(lab: Lab) -> None:
    """The same with pulled cables and controllers that go, and KASAN, lockdep, kmemleak and
    the others have nothing to say."""
    rng = random.Random(SEED)
    lab.expect_log(CORE_TIMEOUTS)
    begin(lab)
    storms = [Storm(lab, host, rng, "all") for host in lab.hosts]
    _pull_the_cable(lab, rng, storms)
    have_worked(storms, OF_ALL)
    end(lab)


def _sleep(host: Host) -> None:
    """Let a host sleep and wake up.

    A process that exits waits for its io_uring's workers, where it cannot be frozen. If these
    are frozen already, Linux gives up after 20 s and wakes all of them: whoever wanted it
    to sleep tries once more."""
    for last in (False, False, True):
        before = len(host.dmesg())
        try:
            host.suspend_resume()
            return
        except CommandFailed:
            said = host.dmesg()[before:]
            refusing = re.search(r"\((\d+) tasks refusing to freeze", said)
            if last or not refusing or int(refusing[1]) != said.count(" io_wq_put_and_exit+"):
                raise


@pytest.mark.slow
@pytest.mark.lab(DEBUG)
def test_hosts_sleep_in_a_storm_of_users(lab: Lab) -> None:
    """One host after the other sleeps and wakes up while both are used by everybody."""
    rng = random.Random(SEED)
    lab.expect_log(CORE_TIMEOUTS)
    begin(lab)
    storms = [Storm(lab, host, rng, "users") for host in lab.hosts]
    # Each machine of the lab can do it once. No properties change on either host
    # meanwhile, see _pull_the_cable().
    for host in rng.sample(lab.hosts, 2):
        for other in lab.hosts:
            other.wait_for_peer(60)
        time.sleep(rng.uniform(1, 5) * lab.scale)
        _sleep(host)
    _wait_for_the_end(storms)
    have_worked(storms, OF_USERS)
    end(lab)
