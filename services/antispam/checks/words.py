"""What experience says of the words of a message."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.journey import Finding
from services.antispam.view import View


def words(view: View) -> Iterator[Finding]:
    """A finding that names the words which weigh most, if they say anything together."""
    wording = view.facts.wording
    if wording and wording.score:
        told = ", ".join(f"{word.removeprefix(':')!r} {weight:+.2f}" for word, weight in wording.told)
        yield Finding("words", f"experience with such words: {told}", wording.score)
