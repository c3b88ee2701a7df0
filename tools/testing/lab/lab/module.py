# SPDX-License-Identifier: GPL-2.0-only
"""Build thunderbolt_stream.ko for a kernel of the lab.

Kernels before 6.13 cannot build outside the source directory, so a copy of
the sources is built per kernel; the project's own tree stays clean."""

import subprocess
from pathlib import Path

from . import paths
from .child import build, builds
from .errors import InfrastructureError

SOURCES = ["Kbuild", "compat", "drivers", "include"]
_built: dict[str, Path] = {}


def build_module(series: str, run_dir: Path) -> Path:
    """Path of the module for a kernel of the lab, built when out of date."""
    if series in _built:
        return _built[series]
    release = paths.kernel_release(series)
    tree = paths.BUILD / "modules" / series
    present = [str(paths.PROJECT / name) for name in SOURCES if (paths.PROJECT / name).exists()]
    if str(paths.PROJECT / "Kbuild") not in present:
        raise InfrastructureError("no Kbuild file at the top of the project: no driver to build")
    tree.mkdir(parents=True, exist_ok=True)
    # Times are kept, so that make rebuilds only what changed; removed files go.
    with builds():
        subprocess.run(["rsync", "-a", "--delete", "--exclude=*.o", "--exclude=*.ko",
                        "--exclude=*.mod", "--exclude=*.mod.c", "--exclude=.*.cmd",
                        "--exclude=Module.symvers", "--exclude=modules.order",
                        *present, f"{tree}/"], check=True)
    build(f"thunderbolt_stream for {release}",
          ["make", "-s", "-C", str(paths.kernel_build(series)), f"M={tree}", "modules"],
          run_dir / f"module-{series}.build")
    found = sorted(tree.rglob("thunderbolt_stream.ko"))
    if not found:
        raise InfrastructureError(f"building for {release} made no thunderbolt_stream.ko in {tree}")
    _built[series] = found[0]
    return found[0]
