# SPDX-License-Identifier: GPL-2.0-only
"""What a person does after the fault, if it takes a person."""

from lab import Lab
from tests.support.matrix.cases import Case
from tests.support.streams import Stream

DRIVER = "/sys/bus/pci/drivers/thunderbolt"


def _replace_controller(lab: Lab, where: Stream) -> None:
    """Take the dead one out, put another one in."""
    host = where.host
    host.run(f"echo 1 > $(echo {DRIVER}/0000:*)/remove", timeout=60)
    lab.sim.faults.revive(host.name)
    host.run("echo 1 > /sys/bus/pci/rescan", timeout=60)
    host.run(f"echo on > $(echo {DRIVER}/0000:*)/power/control")


def recover(case: Case, lab: Lab, where: Stream) -> None:
    """Make two connected hosts of what the fault has left."""
    if case.fault == "controller_dies":
        _replace_controller(lab, where)
    elif case.fault == "cable_pulled":
        lab.cable.plug()
    else:
        return
    for host in lab.hosts:
        host.wait_for_peer(30)
