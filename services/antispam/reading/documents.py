"""What is found in a file that is attached."""

from __future__ import annotations

from dataclasses import dataclass

from services.antispam.message import Markup
from services.antispam.reading.html import Reference

LONGEST_TEXT = 50_000
"""Characters of text that are kept of one file."""

MOST_REFERENCES = 100
"""Addresses that are kept of one file."""


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a file, and the addresses in it that are no words of that text."""

    text: str = ""
    references: tuple[Reference, ...] = ()
    trouble: str = ""  # why not all of it could be read
    markup: Markup | None = None  # of HTML
    width: int = 0  # pixels of a picture
    height: int = 0


class Unreadable(Exception):
    """A file of which nothing can be read, and why."""
