"""What the scanner asks of an engine.

An engine looks at bytes and nothing else: it does not know the message around them, nor the policy. What it
cannot look at it calls `ERROR` or `PROTECTED` and says why; whatever it raises counts as `ERROR` too. So
"clean" always means that somebody looked.

What a local engine knows is a value that is asked wherever the bytes are: on the spot, or in isolation. A
remote engine is asked by the service, and while it is away the mail waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Protocol

from gateway.domain.kinds import Kind
from gateway.domain.policy import ObjectStatus


@dataclass(frozen=True)
class Sample:
    """What engines look at: the decoded content of an object, and what the message calls it."""

    content: bytes
    name: str = ""

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the content."""
        return sha256(self.content).digest()


class Deletion(StrEnum):
    """Whether an object must go, whatever the policy says of its status. From the mildest on."""

    BY_POLICY = "by policy"
    UNLESS_CURED = "unless cured"  # where a cure is tried and fails, the object must not pass
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class EngineResult:
    """What an engine says of one sample."""

    status: ObjectStatus  # clean, infected, suspicious, protected or error
    threats: tuple[str, ...] = ()
    cause: str = ""  # why it could not be looked at
    cured: bytes | None = None  # the content without its threats, if the engine knows a cure
    deletion: Deletion = Deletion.BY_POLICY
    edition: str = ""  # with which a remote engine looked; empty: it cannot tell


CLEAN = EngineResult(ObjectStatus.CLEAN)


@dataclass(frozen=True, slots=True)
class Bases:
    """The databases of one or more engines: when the newest of them was made, and how much they know."""

    made_on: date
    records: int

    def __str__(self) -> str:
        return f"{self.made_on.isoformat().replace('-', '')} #{self.records}"


class NeedsIsolation(Exception):
    """A sample that nobody should look at on the spot."""


class Knowledge(Protocol):
    """What a local engine knows."""

    @property
    def name(self) -> str:
        """As the configuration calls the engine."""

    @property
    def edition(self) -> str:
        """What an answer depends on besides the sample: with the same edition, the same answer."""

    def judge(self, sample: Sample) -> EngineResult:
        """Look at a sample."""


class LocalEngine(Protocol):
    """An engine whose knowledge can be asked anywhere."""

    @property
    def bases(self) -> Bases:
        """The databases that it works with now."""

    @property
    def at_hand(self) -> Knowledge:
        """What it knows now, for asking on the spot: may raise `NeedsIsolation`."""

    @property
    def knowledge(self) -> Knowledge:
        """The same as a value that can be sent to a confined process."""


class RemoteEngine(Protocol):
    """An engine that has to be asked where it is."""

    @property
    def name(self) -> str:
        """As the configuration calls it."""

    @property
    def bases(self) -> Bases:
        """The databases that it works with now."""

    @property
    def opens(self) -> frozenset[Kind]:
        """The containers that it opens itself; what is in others it has to be given."""

    async def edition(self) -> str:
        """What an answer depends on now, besides the sample: with the same edition, the same answer.

        Empty when the engine cannot tell, or cannot be asked now.
        """

    async def scan(self, sample: Sample) -> EngineResult:
        """Look at a sample. Raises `TemporaryFailure` when the engine cannot be asked now."""


def together(bases: Iterable[Bases]) -> Bases:
    """What several engines know, as one; of none, nothing at all."""
    known = tuple(bases)
    return Bases(max((base.made_on for base in known), default=date.min), sum(base.records for base in known))
