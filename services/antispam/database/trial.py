"""Whether a content database may be used: which messages it has to see as spam, and which it must not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gateway.bases.catalogue import BaseSet
from gateway.bases.golden import good_messages
from gateway.domain.policy import Degree, SpamStatus
from services.antispam.database.database import load_database
from services.antispam.knowledge import Knowledge
from services.antispam.looking import look
from services.antispam.reading.reading import read_whole
from services.antispam.scoring import status_of, weigh

GOLDEN = Path(__file__).parent / "golden"
"""Spam that nobody mistakes for anything else, each in a file."""


@dataclass(frozen=True)
class Trial:
    """One set, asked about what everybody knows the answer to."""

    made: BaseSet

    @cached_property
    def _knowledge(self) -> Knowledge:
        return Knowledge(load_database(self.made))

    def faults(self) -> Iterator[str]:
        """What is wrong with it, in words for the operator. Raises `UnusableSet`."""
        for path in good_messages():
            if (status := self._status(path.read_bytes())) is not SpamStatus.NOT_DETECTED:
                yield f"a good message is {status} ({path.name})"

    def known(self) -> frozenset[str]:
        """The names of those messages of `GOLDEN` that it sees as spam, probable or not."""
        statuses = {path.name: self._status(path.read_bytes()) for path in GOLDEN.glob("*.eml")}
        return frozenset(name for name, status in statuses.items() if status is not SpamStatus.NOT_DETECTED)

    def blocks(self, message: bytes) -> bool:
        """Whether it makes spam of a message."""
        return self._status(message) is SpamStatus.SPAM

    def _status(self, message: bytes) -> SpamStatus:
        looked = look(read_whole(message), self._knowledge, expired=lambda: False)
        return status_of(weigh(looked.findings, Degree.STANDARD), Degree.STANDARD)
