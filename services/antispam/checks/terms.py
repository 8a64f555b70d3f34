"""Typical words and phrases: what they say together of each category."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from gateway.domain.journey import Finding
from services.antispam.facts import Term
from services.antispam.view import View

ENOUGH = 2.0
"""Of evidence, for a message to be of a category."""

NEXT = 0.7
"""Each further term of a category counts so much of the one before: all together can never say more than
three times what the strongest says."""

OTHER = 0.5
"""Each further category counts so much of the one before."""

FAINT = 1.0
"""Terms below this weight are met by chance in any long text."""

SHORT = 300
"""Words up to which a text is short; in longer ones faint terms count less, in proportion."""

LONG = 1000
"""Words up to which strong terms count in full: a newspaper has one of everything."""

WORTH = 1.2
"""Score of evidence 1."""

MOST = 7.0
"""What all terms together can add: words alone never make a message spam."""

MOST_TOLD = 5
"""Terms that a finding names."""


def terms(view: View) -> Iterator[Finding]:
    """A finding for each category that terms speak for, those that count by their weight, then the others."""
    weighed = [(_evidence(of, view.facts.words), name, of) for name, of in _by_category(view.facts.terms)]
    counting = sorted((item for item in weighed if item[2][0].counts), key=lambda item: (-item[0], item[1]))
    left = MOST
    for place, (evidence, name, of) in enumerate(counting):
        score = round(min(left, evidence * WORTH * OTHER**place), 2)
        left -= score
        if score > 0:
            yield Finding("terms", _told(of, name), score, name if evidence >= ENOUGH else "")
    for evidence, name, of in weighed:
        if evidence >= ENOUGH and not of[0].counts:
            yield Finding("terms", _told(of, name), category=name)


def _by_category(found: Iterable[Term]) -> Iterator[tuple[str, Sequence[Term]]]:
    """The terms of each category, the strongest first; categories by their names."""
    ordered = sorted(found, key=lambda term: (term.category, -term.weight, term.text))
    return ((name, tuple(of)) for name, of in groupby(ordered, key=lambda term: term.category))


def _evidence(of: Sequence[Term], words: int) -> float:
    """What terms of one category say together, the strongest first."""
    faint, strong = (min(1.0, length / max(words, 1)) for length in (SHORT, LONG))
    return sum(
        term.weight * (faint if term.weight < FAINT else strong) * NEXT**place
        for place, term in enumerate(of)
    )


def _told(of: Sequence[Term], category: str) -> str:
    named = ", ".join(repr(term.text) for term in of[:MOST_TOLD])
    more = f" and {len(of) - MOST_TOLD} more" if len(of) > MOST_TOLD else ""
    return f"words that are typical of {category}: {named}{more}"
