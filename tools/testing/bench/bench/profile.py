# SPDX-License-Identifier: GPL-2.0-only
"""Where the simulator's time goes during a bulk transfer, by gprof.

That sees only the simulator's own functions, not those of the kernel and of libraries,
which it calls: the share of the kernel is measured beside it."""

import os
import subprocess
from pathlib import Path
from typing import Callable

from lab import paths, sim
from lab.child import build
from lab.errors import InfrastructureError

from .peers import PEERS
from .rig import Rig
from .run import Workload, measure

LINES = 16
WORKLOAD = Workload("profile", "one way, 64 KiB writes", mib=1024)


def _times(rig: Rig) -> tuple[float, float]:
    """Seconds that the simulator spent itself, and in the kernel."""
    fields = Path(f"/proc/{rig.lab.sim.pid}/stat").read_text().rsplit(")", 1)[1].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / tick, int(fields[12]) / tick


def profile(say: Callable[[str], None]) -> str:
    """Run it with both kinds of doorbells; what gprof says, and who used how much."""
    tree = paths.BUILD / "usb4sim-profile"
    tree.mkdir(parents=True, exist_ok=True)
    build("usb4sim", ["make", "-s", "-j2", "-C", str(paths.SIM_SOURCE), f"O={tree}", "CFLAGS=-pg",
                      "LDFLAGS=-pg"], tree / "build.log")
    sim.use_build(tree)
    text = []
    for doorbells in ("mapped", "trapped"):
        data = tree / "gmon"
        for old in tree.glob("gmon.*"):
            old.unlink()
        os.environ["GMON_OUT_PREFIX"] = str(data)
        with Rig(["ours"], doorbells=doorbells, progress=say) as rig:
            PEERS["ours"].prepare(rig, {})
            before = _times(rig)
            sample = measure(rig, PEERS["ours"], WORKLOAD)
            after = _times(rig)
            # Its command line tool is instrumented, too, and leaves files as well
            left = Path(f"{data}.{rig.lab.sim.pid}")
        if not left.exists():
            raise InfrastructureError("the simulator has left no profile behind")
        done = subprocess.run(["gprof", "-b", "-p", str(tree / "usb4sim"), str(left)],
                              capture_output=True, text=True, check=True)
        text.append(f"doorbells {doorbells}: {sample['mib_s']:.0f} MiB/s; of the simulator's time"
                    f" {after[0] - before[0]:.2f} s in itself and libraries,"
                    f" {after[1] - before[1]:.2f} s in the kernel for"
                    f" {sample['bytes'] >> 20} MiB and {sample['first']['frames']} frames\n"
                    + "\n".join(done.stdout.splitlines()[:LINES]))
    return "\n\n".join(text)
