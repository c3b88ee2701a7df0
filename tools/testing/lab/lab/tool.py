# SPDX-License-Identifier: GPL-2.0-only
"""tbstream, the command-line helper, in the hosts."""

import subprocess
from pathlib import Path

from . import paths
from .child import build
from .host import Host

SOURCE = paths.PROJECT / "tools/thunderbolt/tbstream"
OUTPUT = paths.BUILD / "tbstream"


def build_tool(run_dir: Path) -> Path:
    """Path of the program, built when out of date."""
    build("tbstream", ["make", "-s", "-C", str(SOURCE), f"O={OUTPUT}"], run_dir / "tbstream.build")
    return OUTPUT / "tbstream"


def reload_udev(host: Host) -> None:
    """Have udev read its rules again, as the installation does it, which says why so."""
    host.put(paths.PROJECT / "scripts/installed", "/run/installed")
    host.run("sh /run/installed --udev && rm /run/installed", timeout=60)


def install_tool(host: Host, run_dir: Path) -> None:
    """What `make install` brings besides the module: the program, its manual, udev rules,
    units and the rest, in their places on a host, and known there."""
    archive = run_dir / "tbstream.tar"
    if not archive.exists():
        staged = run_dir / "tbstream.installed"
        build("tbstream", ["make", "-s", "-C", str(SOURCE), f"O={OUTPUT}", "install",
                           f"DESTDIR={staged}"], run_dir / "tbstream.build")
        subprocess.run(["tar", "-cf", str(archive), "-C", str(staged), "."], check=True)
    host.put(archive, "/run/tbstream.tar")
    host.run("tar -xf /run/tbstream.tar -C / --no-same-owner --keep-directory-symlink &&"
             " rm /run/tbstream.tar && systemd-sysusers tbstream.conf &&"
             " { [ ! -d /run/systemd/system ] || systemctl daemon-reload; }", timeout=60)
    reload_udev(host)
