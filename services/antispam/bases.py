"""The content database: words by category, with the revision and the date that explain a verdict later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from services.antispam.facts import Term

_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Bases:
    """One version of the content database."""

    revision: int
    made_on: date
    terms: Mapping[str, Term]  # by the case-folded word

    @property
    def version(self) -> str:
        """Revision and date as `X-SpamTest-Info` shows them: `1/260105`."""
        return f"{self.revision}/{self.made_on:%y%m%d}"

    def terms_in(self, text: str) -> tuple[Term, ...]:
        """The terms that are words of `text`, each once, in order."""
        words = dict.fromkeys(_WORD.findall(text.casefold()))
        return tuple(self.terms[word] for word in words if word in self.terms)


def shipped_bases() -> Bases:
    """The database that comes with the gateway."""
    return parse_bases(files("services.antispam").joinpath("terms.tsv").read_text(encoding="utf-8"))


def parse_bases(text: str) -> Bases:
    """A database from its source: a line with revision and date, then lines of category and word."""
    head, *rows = (line.split("\t") for line in text.splitlines())
    _, revision, made_on = head
    return Bases(
        int(revision),
        date.fromisoformat(made_on),
        {word.casefold(): Term(word, category) for category, word in rows},
    )
