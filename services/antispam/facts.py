"""What the checks are told besides the message, looked up once for all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the content database, and the category that it speaks for."""

    text: str
    category: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that checks know of a message and its sender without asking anybody."""

    terms: tuple[Term, ...] = ()  # found in the message, each once
