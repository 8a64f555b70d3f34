"""Invectives in the Subject: a category, and no sign of spam (manual, chapter 7.2)."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.journey import Finding
from services.antispam.categories import OBSCENE
from services.antispam.facts import Facts
from services.antispam.message import Message


def obscene(message: Message, facts: Facts) -> Iterator[Finding]:
    """A finding that names the first obscene term, if there is any."""
    for term in facts.terms:
        if term.category == OBSCENE:
            yield Finding("obscene", f"the message uses the word {term.text!r}", category=OBSCENE)
            return
