"""The phrases by which an operator sees that the filter works (manual, chapter 7.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.domain.journey import Finding
from services.antispam.categories import FORMAL
from services.antispam.view import View


@dataclass(frozen=True, slots=True)
class _Phrase:
    text: str  # case-folded
    finding: Finding


_PHRASES = (
    _Phrase(
        "spam is bad do not send it",
        Finding("spam_phrase", "the Subject holds the test phrase for spam"),
    ),
    _Phrase(
        "t h i s i s n o t s p a m",
        Finding("spam_phrase", "the Subject holds the spaced test phrase for spam"),
    ),
    _Phrase(
        "news and special events may",
        Finding("probable_phrase", "the Subject holds the test phrase for probable spam"),
    ),
    _Phrase(
        "out of office autoreply",
        Finding("formal", "the Subject is that of an automatic reply", category=FORMAL),
    ),
)


def phrases(view: View) -> Iterator[Finding]:
    """A finding for each test phrase that a Subject holds, in any case and with any white space between."""
    subjects = [" ".join(subject.casefold().split()) for subject in view.message.subjects]
    for phrase in _PHRASES:
        if any(phrase.text in subject for subject in subjects):
            yield phrase.finding
