"""The bytes of a message where they are held: in memory, or on a sheet when it is large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.domain.mime import Part
from gateway.runtime.sheets import Sheet


class Held(Protocol):
    """A message of which single parts can be had."""

    def around(self, part: Part) -> tuple[Part, bytes]:
        """The part, and bytes in which it stands at its offsets."""


@dataclass(frozen=True, slots=True)
class InMemory:
    """The whole message."""

    message: bytes

    def around(self, part: Part) -> tuple[Part, bytes]:
        """The part in the message."""
        return part, self.message


@dataclass(frozen=True, slots=True)
class OnSheet:
    """A message of which no more is read than what is asked for."""

    sheet: Sheet

    def around(self, part: Part) -> tuple[Part, bytes]:
        """The part alone."""
        return part.moved(-part.start), self.sheet.read(part.start, part.end)
