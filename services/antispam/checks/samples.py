"""Samples: texts of known spam that the message is nearly a copy of."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.journey import Finding
from services.antispam.view import View

LEAST = 0.45
"""A tenth of all words changed leaves a likeness of 0.57."""

SURE = 0.8
"""From here on it is the same text but for names and amounts."""

LEAST_SCORE, MOST_SCORE = 5.0, 9.0
"""Probable spam by itself; spam with one sign more."""


def samples(view: View) -> Iterator[Finding]:
    """A finding that names the sample which the message resembles most, if it does."""
    for nearest in view.facts.resemblances[:1]:
        if nearest.likeness >= LEAST:
            share = min(1.0, (nearest.likeness - LEAST) / (SURE - LEAST))
            yield Finding(
                "samples",
                f"the text is like a sample of known spam, {nearest.sample}: "
                f"{nearest.likeness:.0%} of its word sequences are the same",
                round(LEAST_SCORE + share * (MOST_SCORE - LEAST_SCORE), 2),
                nearest.category,
            )
