"""What the scanner asks of an engine.

An engine looks at bytes and nothing else: it does not know the message around them, nor the policy. What it
cannot look at it calls `ERROR` or `PROTECTED` and says why; whatever it raises counts as `ERROR` too. So
"clean" always means that somebody looked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from gateway.domain.policy import ObjectStatus


class Deletion(StrEnum):
    """Whether an object must go, whatever the policy says of its status. From the mildest on."""

    BY_POLICY = "by policy"
    UNLESS_CURED = "unless cured"  # where a cure is tried and fails, the object must not pass
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class EngineResult:
    """What an engine says of one content."""

    status: ObjectStatus  # clean, infected, suspicious, protected or error
    threats: tuple[str, ...] = ()
    cause: str = ""  # why it could not be looked at
    cured: bytes | None = None  # the content without its threats, if the engine knows a cure
    deletion: Deletion = Deletion.BY_POLICY


CLEAN = EngineResult(ObjectStatus.CLEAN)


@dataclass(frozen=True, slots=True)
class Bases:
    """The databases of one or more engines: when the newest of them was made, and how much they know."""

    made_on: date
    records: int

    def __str__(self) -> str:
        return f"{self.made_on:%Y%m%d} #{self.records}"


class Engine(Protocol):
    """Something that knows threats. It is small enough to be sent to another process with a scan."""

    @property
    def name(self) -> str:
        """As the configuration calls it."""

    @property
    def bases(self) -> Bases:
        """The databases that it works with."""

    def scan(self, content: bytes, name: str) -> EngineResult:
        """Look at the decoded content of an object that is called `name`, "" if it has no name."""


def together(bases: Iterable[Bases]) -> Bases:
    """What several engines know, as one; of none, nothing at all."""
    known = tuple(bases)
    return Bases(max((base.made_on for base in known), default=date.min), sum(base.records for base in known))
