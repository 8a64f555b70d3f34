"""Sources that are tables: columns parted by tabs, comments on lines of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.bases.source import BadSource


@dataclass(frozen=True, slots=True)
class Line:
    """A line that says something."""

    origin: str  # the file
    number: int
    columns: tuple[str, ...]

    def bad(self, why: str) -> BadSource:
        """That this line is not as it should be."""
        return BadSource(f"{self.origin}, line {self.number}: {why}")


def lines_of(text: str, origin: str) -> Iterator[Line]:
    """The lines of a table, without the empty ones and the comments."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            yield Line(origin, number, tuple(column.strip() for column in line.split("\t")))
