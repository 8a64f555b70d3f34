"""What operators taught: messages like those that they called spam or good, and how the words lean.

Good mail comes first: what resembles a message that an operator called good is never held against it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.journey import Finding
from services.antispam.view import View

LEAST = 0.45
"""A tenth of all words changed leaves a likeness of 0.57."""

SURE = 0.75

LIKE_SPAM, SAME_SPAM = 6.0, 12.0
"""Probable spam by itself; spam when it is the same text but for names and amounts."""

LIKE_GOOD = -10.0

MOST_AGAINST, MOST_FOR = 0.9, -3.0
"""What the words of lessons can add: they correct, and decide nothing."""


def lessons(view: View) -> Iterator[Finding]:
    """Findings for what the site's own lessons say."""
    taught = view.facts.taught
    if taught is None:
        return
    if taught.good_likeness >= LEAST:
        yield Finding("lessons.good", _like(taught.good, taught.good_likeness, "good"), LIKE_GOOD)
    elif taught.spam_likeness >= LEAST:
        score = SAME_SPAM if taught.spam_likeness >= SURE else LIKE_SPAM
        yield Finding("lessons.spam", _like(taught.spam, taught.spam_likeness, "spam"), score)
    if taught.leaning:
        towards, most = ("spam", MOST_AGAINST) if taught.leaning > 0 else ("good", MOST_FOR)
        yield Finding(
            "lessons.words",
            f"its words are those of messages that operators called {towards}",
            round(most * abs(taught.leaning), 2),
        )


def _like(lesson: str, likeness: float, told: str) -> str:
    return f"an operator called a message {told} whose text is the same by {likeness:.0%} (lesson {lesson})"
