# SPDX-License-Identifier: GPL-2.0-only
"""The driver when memory runs out, on kernels that watch themselves; see test_storm.py."""

import random
import time

import pytest

from lab import Lab
from lab.host import Host
from tests.support.debug import DEBUG
from tests.support.storms import CORE_TIMEOUTS, SEED, Storm, all_over, begin, end
from tests.support.streams import Stream, io, pair, start_io

pytestmark = pytest.mark.lab(DEBUG)

SERVICE_DRIVER = "/sys/bus/thunderbolt/drivers/thunderbolt_stream"


def allow_faults(host: Host) -> None:
    """Allocations can fail by fail-nth, those that may wait, too."""
    host.run("""cd /sys/kernel/debug && for d in failslab fail_page_alloc; do
        echo 0 > $d/verbose && echo N > $d/ignore-gfp-wait && echo -1 > $d/times || exit 1
    done; echo 0 > fail_page_alloc/min-order""")


def fail_at_random(host: Host) -> None:
    """Some of the allocations fail that our module asks for, itself or through the core.
    There are some thirty runs of pages in a tunnel, and a hundred small blocks in a device.

    Not those that the core needs to reach a router: when it takes a path down it warns of
    such an error, tells nobody, and the path stays."""
    allow_faults(host)
    host.run("""set -e
    ours=$(grep ' [tT] .*\\[thunderbolt_stream\\]' /proc/kallsyms | cut -d' ' -f1 | sort |
           sed -n '1p;$p')
    # Functions that follow each other in ctl.c, and the one behind them
    access=$(grep -E ' tb_cfg_(read|write|read_raw|write_raw|get_upstream_port)[[:space:]]' /proc/kallsyms |
             cut -d' ' -f1 | sort | sed -n '1p;$p')
    set -- $ours $access
    [ $# = 4 ]
    cd /sys/kernel/debug
    echo 50 > failslab/interval
    echo 60 > fail_page_alloc/interval
    for d in failslab fail_page_alloc; do
        echo 0x$1 > $d/require-start; echo 0x$2 > $d/require-end
        echo 0x$3 > $d/reject-start; echo 0x$4 > $d/reject-end
        echo 32 > $d/stacktrace-depth
        echo 40 > $d/probability
    done""")


def stop_faults(host: Host) -> None:
    host.run("cd /sys/kernel/debug; echo 0 > failslab/probability; echo 0 > fail_page_alloc/probability")


def _directory_and_open(source: Stream, other: Stream) -> list[dict]:
    """Calls that need no other end."""
    directory = f"{source.directory}x"
    return io(source.host, f"faults=mkdir={directory};rmdir={directory}",
              f"faults=attr={other.directory}/in_hopid=10;attr={other.directory}/in_hopid=0",
              f"faults=attr={other.directory}/out_hopid=-1;attr={other.directory}/out_hopid=0",
              f"faults=attr={other.directory}/ring_size=64",
              f"faults={source.opened('rw')};close", timeout=200)


def _open_device(source: Stream, sink: Stream) -> list[dict]:
    """Calls on an open device; they find bytes and room."""
    peer = start_io(sink.host, sink.opened("rw"), "write=200000", "await=/tmp/never,600000")
    done = io(source.host, source.opened("rw"), "faults=read1=1000", "faults=write1=5000",
              "faults=poll=in+out,0", "faults=fionread", timeout=60)
    peer.kill()
    peer.wait(10)
    return done


def _binding(host: Host) -> list[dict]:
    """The service's driver comes and goes."""
    bind, unbind = (f"attr={SERVICE_DRIVER}/{name}={host.service()}" for name in ("bind", "unbind"))
    return io(host, f"faults={unbind};{bind}", unbind, f"faults={bind};{unbind}", bind, timeout=120)


@pytest.mark.slow
def test_each_allocation_fails_once(lab: Lab) -> None:
    """Whichever allocation of a system call fails, it says ENOMEM, and works the next time."""
    # The driver core needs memory to take links away, and warns when there is none
    lab.expect_log(r"WARNING: .* devlink_remove_symlinks|Call Trace:")
    begin(lab)
    source, sink = pair(lab)
    alpha = source.host
    other = Stream(alpha, "other")
    allow_faults(alpha)
    done = (_directory_and_open(source, other) + _open_device(source, sink)
            + _binding(alpha))
    for step in done:
        print(f"#   {step['step']}: {step.get('faults', 0)} faults, {step.get('errors', [])}")
        assert not step["errno"], step
        assert set(step.get("errors", [])) <= {"ENOMEM"}, step
    for what in ("mkdir", "open"):
        assert any(step["step"].startswith(f"faults={what}") and step["faults"] for step in done), \
            f"{what} allocates nothing?"
    end(lab)


@pytest.mark.slow
def test_storm_without_memory(lab: Lab) -> None:
    """A storm in which a part of the driver's allocations fail leaves nothing behind."""
    rng = random.Random(SEED)
    lab.expect_log(CORE_TIMEOUTS)
    begin(lab)
    for host in lab.hosts:
        fail_at_random(host)
    storms = [Storm(lab, host, rng, "all") for host in lab.hosts]
    while not all_over(storms):
        time.sleep(0.1)
    for host in lab.hosts:
        stop_faults(host)
    for storm in storms:
        _, calls = storm.done()
        assert calls["mkdir"].get("ENOMEM") or calls["open"].get("ENOMEM"), "nothing has failed"
    end(lab)
