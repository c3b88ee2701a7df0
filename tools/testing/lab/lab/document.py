# SPDX-License-Identifier: GPL-2.0-only
"""The commands in a document, block by block, as a reader would type them.

    python3 -m lab.document FILE SECTION     print those of one section, without prompts

A block is what is indented behind "::" (reStructuredText) or a blank line (Markdown).
A line of it that begins with a prompt is typed; the prompt says where: "first# " on the
host of that name, "# " as root on each, "$ " as anybody, "(initramfs) " in that shell.
Without any prompt the block's lines are all typed. Other lines of a block with prompts
are what is printed by the line above."""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

PROMPT = re.compile(r"(?P<host>\([a-z]+\)|[a-z]*[#$])[ ]+(?P<command>.+)")
EVERYWHERE = "everywhere"


@dataclass
class Line:
    """Something to type. `host` is the prompt without its sign, or EVERYWHERE."""
    host: str
    command: str
    printed: list[str] = field(default_factory=list)


@dataclass
class Block:
    """Lines that stand together. `place` is FILE:LINE."""
    place: str
    section: str
    lines: list[Line]

    def hosts(self) -> list[str]:
        """Who is named, in order."""
        return list(dict.fromkeys(line.host for line in self.lines))


def _line(text: str) -> Line | None:
    match = PROMPT.fullmatch(text)
    return Line(match["host"].rstrip("#$") or EVERYWHERE, match["command"]) if match else None


def _block(place: str, section: str, texts: list[str]) -> Block:
    prompts = any(_line(text) for text in texts)
    lines: list[Line] = []
    for text in filter(None, texts):
        line = _line(text) if prompts else Line(EVERYWHERE, text)
        if line:
            lines.append(line)
        elif not lines:
            raise ValueError(f"{place}: output before any command: {text}")
        else:
            lines[-1].printed.append(text)
    return Block(place, section, lines)


def blocks(path: Path) -> list[Block]:
    """All blocks with commands in a document."""
    markdown = path.suffix == ".md"
    found: list[Block] = []
    section, last, begin = "", "", 0
    block: list[str] = []

    def end() -> None:
        nonlocal block
        if block:
            while not block[-1]:
                block.pop()
            found.append(_block(f"{path.name}:{begin}", section, block))
            block = []

    opened = False      # by what stands before: the next indented line begins a block
    for number, text in enumerate([*path.read_text().splitlines(), ""], 1):
        indented = text.startswith("    ")
        if block and (indented or not text):
            block.append(text[4:])
            continue
        if block:
            end()
        if opened and indented:
            begin, block = number, [text[4:]]
            continue
        if markdown:
            opened = not text
            if text.startswith("#"):
                section = text.lstrip("# ")
        else:
            if text:
                opened = text.endswith("::") and not text.startswith("..")
            if text and last and re.fullmatch(r"=+|-+|~+", text) and len(text) >= len(last):
                section = last
        last = text
    end()
    return found


def section(path: Path, title: str) -> list[Block]:
    """The blocks of one section; there must be some."""
    found = [block for block in blocks(path) if block.section == title]
    if not found:
        raise ValueError(f"{path.name} has no commands in a section '{title}'")
    return found


if __name__ == "__main__":
    for each in section(Path(sys.argv[1]), sys.argv[2]):
        for typed in each.lines:
            print(typed.command)
