"""All that is known before a message comes: the content database, and what operators taught."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from services.antispam.database.database import Database
from services.antispam.facts import Facts
from services.antispam.learning.learned import Learned
from services.antispam.message import Message


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What one look at a message works with from beginning to end."""

    database: Database
    learned: Learned = field(default_factory=Learned)

    @property
    def version(self) -> str:
        """The version of the database, and behind `+` the last change of the lessons if there was any."""
        number = self.learned.number
        return f"{self.database.version}+{number}" if number else self.database.version

    def added_to(self, facts: Facts, message: Message) -> Facts:
        """The facts, with what is known of a message by its words."""
        known = self.database.look(message.words, message.subjects)
        return replace(
            facts,
            terms=known.terms,
            words=len(known.tokens),
            wording=known.wording,
            resemblances=known.resemblances,
            taught=self.learned.look(known.tokens, known.numbers),
        )
