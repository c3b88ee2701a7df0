# SPDX-License-Identifier: GPL-2.0-only
"""A table of results that grows while tests run, for people to read."""


class Table:
    """Rows and columns in order of first appearance, a word in each cell.

    title: what the table shows; corner: heading of the column of row names."""

    def __init__(self, title: str, corner: str) -> None:
        self.title = title
        self.corner = corner
        self._rows: dict[str, dict[str, str]] = {}
        self._columns: list[str] = []
        self._notes: dict[str, str] = {}

    def put(self, row: str, column: str, word: str) -> None:
        """Write a cell; a second result of the same cell replaces the first."""
        if column not in self._columns:
            self._columns.append(column)
        self._rows.setdefault(row, {})[column] = word

    def note(self, text: str) -> str:
        """A word for a cell that stands for this sentence, explained below."""
        return self._notes.setdefault(text, f"({chr(ord('a') + len(self._notes))})")

    def text(self) -> str:
        """The table as lines of text; empty when nothing was put in."""
        if not self._rows:
            return ""
        widths = [max(len(self.corner), *map(len, self._rows))]
        widths += [max(len(column), *(len(cells.get(column, "")) for cells in self._rows.values()))
                   for column in self._columns]
        lines = [self.title, ""]
        for name, cells in {self.corner: {c: c for c in self._columns}, **self._rows}.items():
            words = [name] + [cells.get(column, "-") for column in self._columns]
            lines.append("  ".join(w.ljust(n) for w, n in zip(words, widths)).rstrip())
        lines.append("")
        lines += [f"{mark} {text}" for text, mark in self._notes.items()]
        return "\n".join(lines)
