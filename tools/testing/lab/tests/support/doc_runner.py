# SPDX-License-Identifier: GPL-2.0-only
"""Type what the documents say, on the hosts that they name.

A test with @types("guide", "By hand") stands for the commands of that section: it fails
if it leaves some of them out, and test_guide.py fails if no test stands for a section."""

import functools
from typing import Callable

from lab import Lab, document, paths
from lab.host import Host, Result

DOCUMENTS = {"guide": paths.PROJECT / "Documentation/admin-guide/thunderbolt-stream.rst",
             "readme": paths.PROJECT / "README.md"}

# A guest's second disk has another name than a laptop's
DISK = {"/dev/nvme0n1": "/dev/vdb"}
MARK = "doc_runner: line "


class DocRunner:
    """Has the section that a test stands for, and knows what was typed of it."""

    def __init__(self, name: str, title: str) -> None:
        self._title = title
        self._blocks = document.section(DOCUMENTS[name], title)
        self._typed: set[str] = set()

    def lines(self, host: str) -> list[document.Line]:
        """What is to be typed on a host, in order; the caller does it."""
        self._typed.add(host)
        return [line for block in self._blocks for line in block.lines
                if line.host in (host, document.EVERYWHERE)]

    def type(self, *hosts: Host, timeout: float = 60) -> dict[str, Result]:
        """Type the section, on all hosts at the same time and on each line by line, in
        /root; as with two people of whom nobody waits for the other. Every command must
        succeed, and print what the document says it does."""
        processes = {}
        for host in hosts:
            script = ["cd /root; set -e -o pipefail"]
            lines = self.lines(host.name)
            for number, line in enumerate(lines):
                script += [f"echo '{MARK}{number}'", on_guest(line.command)]
            processes[host.name] = lines, host.start("\n".join(script))
        results = {}
        for name, (lines, process) in processes.items():
            result = results[name] = process.wait(timeout)
            assert result.code == 0, f"{name}, '{self._title}':\n{result}"
            for line, part in zip(lines, result.stdout.split(MARK)[1:], strict=True):
                said = part.splitlines()[1:]
                assert not line.printed or said == line.printed, (
                    f"{name}# {line.command}\nprints {said}, the document says {line.printed}")
        return results

    def complete(self) -> None:
        """Fail if a line was left out."""
        for block in self._blocks:
            for host in block.hosts():
                assert host in self._typed or host == document.EVERYWHERE and self._typed, (
                    f"{block.place}: nobody has typed what stands for {host}")


def on_guest(command: str) -> str:
    """The same with the names of a guest's disks."""
    for name, here in DISK.items():
        command = command.replace(name, here)
    return command


def types(name: str, title: str) -> Callable[[Callable[[Lab, DocRunner], None]],
                                             Callable[[Lab], None]]:
    """Decorator: this test types this section of the "guide" or the "readme"."""
    def decorate(function: Callable[[Lab, DocRunner], None]) -> Callable[[Lab], None]:
        @functools.wraps(function)
        def test(lab: Lab) -> None:
            doc_runner = DocRunner(name, title)
            function(lab, doc_runner)
            doc_runner.complete()
        # Else pytest would look for a fixture of the decorated function
        del test.__wrapped__  # type: ignore[attr-defined]
        return test
    return decorate
