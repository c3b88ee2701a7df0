# SPDX-License-Identifier: GPL-2.0-only
"""Completion in bash, and that manual and help know the same."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from fake import BETA, NOBODY, Root

HERE = Path(__file__).resolve().parent.parent


def complete(root: Root, line: str) -> list[str]:
    """What bash offers for the last word of a line."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    (root.path / "bin").mkdir(exist_ok=True)
    program = root.path / "bin/tbstream"
    if not program.exists():
        program.symlink_to(os.environ["TBSTREAM"])
    script = (f"source {HERE}/completion/tbstream.bash; COMP_WORDS=({shlex.join(words)})\n"
              f"COMP_CWORD={len(words) - 1}; _tbstream; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    path = f"{root.path}/bin:{os.environ['PATH']}"
    output = subprocess.run(["bash", "--norc", "-c", script], check=True, capture_output=True,
                            text=True, env={**root.environment(), "PATH": path})
    assert not output.stderr, output.stderr
    return sorted(output.stdout.split())


def test_bash() -> None:
    """Commands, streams, hosts, attributes and switches, each in its place."""
    with Root() as root:
        root.host()
        root.stream()
        root.stream("old", NOBODY, 1, "absent", "", (-1, -1))
        streams = ["backup", "beta/backup", "old"]
        assert complete(root, "tbstream re") == ["receive", "remove"]
        assert complete(root, "tbstream -S -d 0 sh") == ["show"]
        assert complete(root, "tbstream remove ") == streams
        assert complete(root, "tbstream show backup o") == ["old"]
        assert complete(root, "tbstream wait ") == ["host", "session", "stream"]
        assert complete(root, "tbstream wait host ") == sorted(["beta", BETA])
        assert complete(root, "tbstream wait -t 5 stream ") == streams
        assert complete(root, "tbstream create b") == sorted(
            ["backup", "beta/", "beta/backup", f"{BETA}/"])
        assert complete(root, "tbstream create x ring") == ["ring_size="]
        assert complete(root, "tbstream receive backup --f") == ["--force"]
        assert complete(root, f"tbstream send backup {HERE}/Make") == [f"{HERE}/Makefile"]
        assert complete(root, "tbstream list ") == []


def test_manual_and_completions_know_every_word() -> None:
    """Whatever --help names is in the manual and in both completions."""
    with Root() as root:
        text = root.run("--help").stdout
    commands = re.findall(r"^  ([a-z]+) ", text, re.M)
    switches = re.findall(r"--([a-z-]+)", text)
    assert len(commands) == 9 and len(switches) == 15, text
    manual = (HERE / "tbstream.8").read_text().replace("\\-", "-")
    for file in ("tbstream.bash", "_tbstream"):
        completion = (HERE / "completion" / file).read_text()
        for word in commands + [f"--{switch}" for switch in switches]:
            assert re.search(rf"{word}\b", completion), f"{word} in {file}"
    for word in commands + [f"--{switch}" for switch in switches]:
        assert re.search(rf"[ \"]{word}\b", manual), f"{word} in the manual"
