# SPDX-License-Identifier: GPL-2.0-only
"""The user's guide and the README: what they say is typed, and does what they say."""

import ast
import re

import pytest

from lab import Lab, document, paths
from lab.host import Host
from lab.tool import install_tool
from tests.support.tool import WITH_SYSTEMD
from tests.support.doc_runner import DOCUMENTS, DocRunner, types

# The same hosts, so that they are booted once
pytestmark = pytest.mark.lab(WITH_SYSTEMD)

DISK = "sha256sum < /dev/vdb"
TREE = "find . -type f -exec sha256sum {} + | sort | sha256sum"


def laptops(lab: Lab) -> tuple[Host, Host]:
    """The guide's two computers, with what `make install` brings. The second one has
    a directory to send."""
    first, second = lab.hosts

    def bring() -> None:
        for host in lab.hosts:
            install_tool(host, lab.directory)
        second.run("mkdir -p /root/mydir/deep && head -c 300000 /dev/vdb > /root/mydir/deep/file"
                   " && date > /root/mydir/date")

    lab.once("guided", bring)
    return first, second


def disk_arrived(first: Host, second: Host) -> None:
    """disk.img is the second one's disk."""
    assert first.run("sha256sum < /root/disk.img").stdout == second.run(DISK).stdout
    first.run("rm /root/disk.img")


def directory_arrived(first: Host, second: Host) -> None:
    """mydir is the same on both."""
    assert len({host.run(f"cd /root/mydir && {TREE}").stdout for host in (first, second)}) == 1
    first.run("rm -r /root/mydir")


@types("guide", "Back up")
def test_ten_lines_make_a_backup(lab: Lab, doc_runner: DocRunner) -> None:
    """The first lines of the guide back up a disk, and both ends say the same checksum."""
    first, second = laptops(lab)
    said = doc_runner.type(first, second)
    sums = {re.search(r"sha256 (\w+)\n", result.stderr)[1] for result in said.values()}
    assert len(sums) == 1, said
    assert second.run(DISK).stdout.split()[0] in sums, said
    disk_arrived(first, second)


@types("guide", "With tbstream")
def test_with_tbstream(lab: Lab, doc_runner: DocRunner) -> None:
    """A directory passes through a stream that tbstream has made; nothing stays of it."""
    first, second = laptops(lab)
    doc_runner.type(first, second)
    directory_arrived(first, second)
    for host in (first, second):
        assert host.run("ls /sys/class/tbstream").stdout == ""


@types("guide", "By hand")
def test_by_hand(lab: Lab, doc_runner: DocRunner) -> None:
    """The same without tbstream: a word, a disk, and a directory."""
    first, second = laptops(lab)
    doc_runner.type(first, second)
    disk_arrived(first, second)
    directory_arrived(first, second)


@types("guide", "A stream that is always there")
def test_always_there(lab: Lab, doc_runner: DocRunner) -> None:
    """The unit makes the stream, and takes it away again."""
    first, _ = laptops(lab)
    doc_runner.type(first)
    assert first.run("ls /sys/class/tbstream").stdout == ""
    first.run("rm /etc/tbstream.d/backup.conf")


@types("guide", "When it does not work")
def test_looking_for_a_fault(lab: Lab, doc_runner: DocRunner) -> None:
    """doctor, monitor and tracepoints can be asked."""
    first, second = laptops(lab)
    for host in (first, second):
        host.run("tbstream create sick in_hopid=20 out_hopid=20")
    said = doc_runner.type(first, second)
    for result in said.values():
        assert "ok " in result.stdout and "sick" in result.stdout, result


# Nothing is left out --------------------------------------------------

def typed_sections() -> set[tuple[str, str]]:
    """Document and section of every @types, and of every script that prints commands
    to run them."""
    found = set()
    for path in paths.TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for call in node.decorator_list:
                    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "types":
                        name, title = (ast.literal_eval(word) for word in call.args)
                        found.add((name, title))
    for script in ("packaging/check",):
        text = (paths.PROJECT / script).read_text()
        for name, path in DOCUMENTS.items():
            place = re.escape(str(path.relative_to(paths.PROJECT)))
            found |= {(name, title) for title in
                      re.findall(rf'lab\.document {place} "([^"]+)"', text)}
    return found


def test_every_command_of_the_guide_is_typed() -> None:
    """There is no section with commands that no test types."""
    typed = typed_sections()
    missing = [f"{block.place}: {block.lines[0].command}"
               for block in document.blocks(DOCUMENTS["guide"])
               if ("guide", block.section) not in typed]
    assert not missing, "typed by no test (see tests/support/doc_runner.py):\n" + "\n".join(missing)


def test_pictures_show_the_states_that_there_are() -> None:
    """The pictures of states have those of the driver, all of them and no other."""
    driver, documents = (paths.PROJECT / name for name in
                         ("drivers/thunderbolt/stream", "Documentation"))

    def drawn(picture: str, names: str) -> set[str]:
        text = (documents / f"{picture}.dot").read_text()
        return {name for edge in re.findall(r"^\s*(\w+) -> (\w+)\b", text, re.MULTILINE)
                for name in edge if re.fullmatch(names, name)}

    function = re.search(r"\*tbstream_state\(.*?^}", (driver / "sysfs.c").read_text(),
                         re.MULTILINE | re.DOTALL)
    assert drawn("admin-guide/thunderbolt-stream-states", "[a-z]+") == \
        set(re.findall(r'"(\w+)"', function[0]))
    assert drawn("driver-api/thunderbolt-stream-session", "[A-Z_]+") == \
        set(re.findall(r"^\tTBSTREAM_((?:OUT|IN)_\w+),$", (driver / "session.h").read_text(),
                       re.MULTILINE))


def test_every_command_of_the_readme_is_tested() -> None:
    """It is a target of the Makefile, or one of the commands of the guide."""
    guide = {line.command for block in document.blocks(DOCUMENTS["guide"])
             for line in block.lines}
    targets = re.findall(r"^([a-z-]+):", (paths.PROJECT / "Makefile").read_text(), re.MULTILINE)
    known = guide | {"make"} | {f"make {target}" for target in targets}
    commands = [(block.place, line.command) for block in document.blocks(DOCUMENTS["readme"])
                for line in block.lines]
    assert commands, "no command found in the README"
    missing = [f"{place}: {command}" for place, command in commands if command not in known]
    assert not missing, "not tested:\n" + "\n".join(missing)
