"""What sources of databases are read with, whatever family they are of."""

from __future__ import annotations

from pathlib import Path


class BadSource(Exception):
    """A source of databases is not as it should be; says where, and why."""


def read_source(path: Path) -> str:
    """The text of a source. Raises `BadSource`."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadSource(f"{path}: {problem}") from problem
