# SPDX-License-Identifier: GPL-2.0-only
"""Install our kselftests as a kernel tree would: with its own harness, make rules
and runner, taken from the distribution's kernel source."""

import subprocess
from pathlib import Path

from . import paths
from .child import build
from .errors import InfrastructureError

SOURCE = Path("/usr/src/linux-source-6.12.tar.xz")
FRAMEWORK = ("tools/testing/selftests/*.*", "tools/testing/selftests/Makefile",
             "tools/testing/selftests/kselftest/*", "tools/scripts/*", "scripts/subarch.include")


def _unpack(tree: Path) -> None:
    """What any kselftest needs of a kernel tree, once per tarball."""
    if not SOURCE.exists():
        raise InfrastructureError(f"{SOURCE} is missing; run tools/testing/lab/setup")
    status = SOURCE.stat()
    current = f"{status.st_size} {status.st_mtime_ns} {FRAMEWORK}"
    marker = tree / ".unpacked"
    if marker.exists() and marker.read_text() == current:
        return
    subprocess.run(["rm", "-rf", str(tree)], check=True)
    tree.mkdir(parents=True)
    subprocess.run(["tar", "-C", str(tree), "--strip-components=1", "-xJf", str(SOURCE),
                    "--wildcards", "--no-wildcards-match-slash",
                    *(f"*/{pattern}" for pattern in FRAMEWORK)], check=True)
    marker.write_text(current)


def install_kselftests(run_dir: Path) -> Path:
    """`make install` of the collection "thunderbolt"; returns a tar file of what a
    user would copy to a machine, with run_kselftest.sh at the top."""
    work = paths.BUILD / "kselftest"
    tree, installed = work / "tree", work / "installed"
    _unpack(tree)
    subprocess.run(["rsync", "-a", "--delete",
                    f"{paths.PROJECT}/tools/testing/selftests/thunderbolt/",
                    f"{tree}/tools/testing/selftests/thunderbolt/"], check=True)
    subprocess.run(["rm", "-rf", str(installed)], check=True)
    build("the kselftests", ["make", "-s", "-C", str(tree / "tools/testing/selftests"),
                             "TARGETS=thunderbolt", "FORCE_TARGETS=1", "USERCFLAGS=-Werror",
                             f"KSFT_INSTALL_PATH={installed}", "install"],
          run_dir / "kselftest.build")
    archive = work / "kselftest.tar"
    subprocess.run(["tar", "-C", str(installed), "-cf", str(archive), "."], check=True)
    return archive
