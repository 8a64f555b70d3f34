"""Names that are looked for all at once, however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ahocorasick_rs import AhoCorasick, MatchKind


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Some names, in small letters."""

    names: tuple[str, ...]
    automaton: AhoCorasick

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """These names, ready to be looked for."""
        every = tuple(dict.fromkeys(names))
        return cls(every, AhoCorasick(every, matchkind=MatchKind.Standard))

    def within(self, text: str) -> tuple[str, ...]:
        """Those that stand anywhere in a text, parts of words too, each once."""
        found = self.automaton.find_matches_as_indexes(text, overlapping=True)
        return tuple(dict.fromkeys(self.names[index] for index, _, _ in found))

    def as_words(self, text: str) -> tuple[str, ...]:
        """Those that stand in a text as words of their own, each once; the longest where several stand.

        Scripts without spaces have no borders of words.
        """
        found = [
            (start, -end, self.names[index])
            for index, start, end in self.automaton.find_matches_as_indexes(text, overlapping=True)
            if _is_parted(text, start - 1, start) and _is_parted(text, end - 1, end)
        ]
        taken: dict[str, None] = {}
        behind = 0
        for start, end, name in sorted(found):
            if start >= behind:
                taken[name] = None
                behind = -end
        return tuple(taken)


def _is_parted(text: str, left: int, right: int) -> bool:
    """Whether a word ends or begins between two neighbours."""
    if left < 0 or right >= len(text):
        return True
    one, other = text[left], text[right]
    return not (_is_letter(one) and _is_letter(other)) or max(one, other) >= _UNSPACED


def _is_letter(char: str) -> bool:
    return char.isalnum() or char == "_"


_UNSPACED = "\u2e80"
"""From here on stand the scripts of East Asia."""
