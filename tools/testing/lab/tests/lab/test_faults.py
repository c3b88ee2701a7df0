# SPDX-License-Identifier: GPL-2.0-only
"""The lab itself: faults that a test asks for happen, and end with it."""

import re
import subprocess
import time

import pytest

from lab import Frames, InfrastructureError, Lab, Packets, paths
from tests.support.streams import OURS, check_transfer, errnos, io, pair, start_io, steps

pytestmark = pytest.mark.lab(OURS)

DATA, CLOSE = 2, 3
PROPERTIES_PROTOCOL = "b638d70e-42ff-40bb-97c2-90e2c0b2ff07"


def test_frame_is_late(lab: Lab) -> None:
    """A frame is held back as long as was asked for."""
    source, sink = pair(lab)
    fault = lab.sim.faults.delay(Frames(source.host.name, nth=2, hopid=9), ms=700)
    began = time.monotonic()
    check_transfer(source, sink, 20000)
    assert time.monotonic() - began >= 0.7
    assert fault.hits() == 1


def test_frames_by_chance(lab: Lab) -> None:
    """Faults by chance hit some frames and spare others."""
    source, sink = pair(lab)
    fault = lab.sim.faults.delay(Frames(source.host.name, probability=0.2, seed=3), ms=1)
    check_transfer(source, sink, 400000)
    state = fault.state()
    assert 0 < state["hits"] < state["seen"], state


def test_cable_is_pulled_at_the_close(lab: Lab) -> None:
    """The cable is pulled when the last frame of a session is on it, and the
    lab knows."""
    source, sink = pair(lab)
    fault = lab.sim.faults.unplug_at(Frames(source.host.name, eof=CLOSE))
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "close")
    io(source.host, source.opened("w"), "write=10000", "close")
    fault.wait()
    assert errnos(steps(reader.wait(10)))[1] is not None
    assert not lab.cable.plugged
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer(30)
    check_transfer(source, sink, 10000)


def test_interrupts_are_lost(lab: Lab) -> None:
    """Interrupts of a stream are lost, and only as many as were asked for."""
    source, sink = pair(lab)
    fault = lab.sim.faults.lose_interrupts(sink.host.name, hopid=9, direction="rx", count=2)
    reader = start_io(sink.host, sink.opened("r"), "read=eof", "close")
    writer = start_io(source.host, source.opened("w"), "write=4m:4096", "close")
    fault.wait(hits=2)
    writer.wait(30)
    reader.wait(30)
    assert fault.state()["left"] == 0


def test_packets_are_chosen_by_protocol(lab: Lab) -> None:
    """XDomain packets of a protocol are found, those of no protocol are not."""
    alpha, beta = lab.hosts
    faults = lab.sim.faults
    properties = faults.delay(Packets(alpha.name, uuid=PROPERTIES_PROTOCOL, count=None), ms=1)
    nothing = faults.drop(Packets(alpha.name, uuid="00000000-0000-0000-0000-000000000001"))
    lab.cable.unplug()
    beta.wait_for_no_peer()
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer(30)
    assert properties.hits() > 0 and nothing.seen() == 0


def test_rate_and_stall(lab: Lab) -> None:
    """A rate is kept, a stall ends at its time."""
    source, sink = pair(lab)
    faults = lab.sim.faults
    faults.rate_limit(source.host.name, 200000)
    faults.stall(source.host.name, ms=300)
    began = time.monotonic()
    check_transfer(source, sink, 100000)
    assert time.monotonic() - began >= 0.7
    faults.rate_limit(source.host.name, None)
    check_transfer(source, sink, 1 << 20)


def test_controller_dies_and_is_replaced(lab: Lab) -> None:
    """The other host sees an unplug; a new controller is found by a rescan."""
    alpha, beta = lab.hosts
    lab.expect_log("nhi|thunderbolt|ring|MSI|pci")
    lab.sim.faults.kill(beta.name)
    alpha.wait_for_no_peer(10)
    beta.run("d=/sys/bus/pci/drivers/thunderbolt; echo 1 > $(echo $d/0000:*)/remove", timeout=60)
    lab.sim.faults.revive(beta.name)
    beta.run("echo 1 > /sys/bus/pci/rescan", timeout=60)
    for host in lab.hosts:
        host.wait_for_peer(30)
    source, sink = pair(lab)
    check_transfer(source, sink, 10000)


def test_recording(lab: Lab) -> None:
    """What went over the cable can be looked at afterwards: frames, and what the drivers
    say to each other about the stream."""
    source, sink = pair(lab)
    file = lab.directory / "wire.pcapng"
    lab.sim.record(file)
    check_transfer(source, sink, 10000)
    lab.sim.stop_recording()
    text = subprocess.run([paths.SIM_SOURCE / "usb4sim-dump", file], capture_output=True,
                          text=True, check=True).stdout
    wire = [line for line in text.splitlines() if f"> {sink.host.name}:1 frame HopID 9" in line]
    sizes = [int(line.split(" bytes")[0].split()[-1]) for line in wire if " DATA " in line]
    assert sum(sizes) == 10000, text
    assert re.search(r" CLOSE 256 bytes: session \w+, 3 frames, 10000 bytes$", wire[-1]), text
    status = rf'{source.host.name} < .* stream: status of "{source.name}" .* HopIDs in 9 out 9 '
    assert re.search(status + r".* ready\b", text.replace("|", " ")), text
    assert re.search(status + r".* complete\b", text.replace("|", " ")), text


def test_bad_faults_are_refused(lab: Lab) -> None:
    """Nonsense is an error of the test, with the simulator's words."""
    for frames in (Frames(), Frames("nobody"), Frames("alpha", eof=16)):
        try:
            lab.sim.faults.corrupt(frames)
        except InfrastructureError as error:
            assert "fault" in str(error), error
        else:
            raise AssertionError(f"{frames} was accepted")
