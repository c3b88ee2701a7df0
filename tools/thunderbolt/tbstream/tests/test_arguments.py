# SPDX-License-Identifier: GPL-2.0-only
"""The command line."""

import os
import subprocess
from pathlib import Path

from fake import Root


def test_help_names_every_command_and_switch() -> None:
    """--help succeeds; no command at all prints the same and does not."""
    with Root() as root:
        text = root.run("--help").stdout
        for word in ("list", "show", "create", "remove", "wait", "--json", "--script", "--route"):
            assert word in text, word
        assert root.run(code=2).stderr == text
        assert root.run("--version").stdout.startswith("tbstream 0.")


def test_nonsense_is_refused() -> None:
    """Unknown words, switches in the wrong place, numbers that are none: exit code 2."""
    nonsense = ["frobnicate", "lis", "list extra", "show /", "show beta/", "show /backup",
                "show .", "show a/b/c", "create", "create backup ring_size",
                "create backup RING=1", "create backup ring_size=", "create backup a/b=1",
                "remove", "remove a b", "-f list", "-t 1 list", "-S --json list",
                "-d x list", "-d -1 list", "-r 12g list", "-i 99999999999 list", "--nonsense",
                "wait", "wait backup", "wait stream", "wait -t soon host", "wait -t nan host",
                "wait -t -1 host", "list -d", f"show {'x' * 1000}"]
    with Root() as root:
        root.host()
        for line in nonsense:
            ended = root.run(*line.split(), code=2)
            assert ended.stderr and not ended.stdout, f"{line}: {ended}"


def test_switches_may_stand_anywhere() -> None:
    """Before and after the command."""
    with Root() as root:
        root.host()
        assert root.run("--json", "list").stdout == root.run("list", "-j").stdout


def test_static_program() -> None:
    """It asks for no interpreter, and does the same."""
    program = os.environ["TBSTREAM_STATIC"]
    assert b"ld-linux" not in Path(program).read_bytes()[:4096]
    with Root() as root:
        root.host()
        output = subprocess.run([program, "--json", "list"], env=root.environment(), check=True,
                                capture_output=True, text=True)
        assert output.stdout == root.run("--json", "list").stdout and not output.stderr


def test_root_that_is_not_there() -> None:
    """TBSTREAM_ROOT that is no directory is an error and not the real one."""
    root = Root()
    with root:
        pass
    assert "No such file" in root.run("list", code=1).stderr
