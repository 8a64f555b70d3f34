"""What unwanted mail is told with: phrases by motif, found in one pass over the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from ahocorasick_rs import AhoCorasick, MatchKind

MOST_LETTERS = 24_000
"""Characters that are looked at: who wants something says so before."""

_APOSTROPHES = str.maketrans({"_": " ", "’": "'", "‘": "'", "´": "'", "\xa0": " "})


@dataclass(frozen=True, slots=True)
class _Phrase:
    motif: str
    text: str
    from_start: bool  # a word has to begin there: not in scripts without spaces
    to_end: bool


@dataclass(frozen=True, slots=True)
class Motifs:
    """The phrases, ready to be looked for."""

    phrases: tuple[_Phrase, ...]
    automaton: AhoCorasick

    def found_in(self, text: str) -> Mapping[str, tuple[str, ...]]:
        """The phrases of each motif that the text holds, each once, in the order they stand there."""
        plain = " ".join(text[:MOST_LETTERS].translate(_APOSTROPHES).split())
        found: dict[str, dict[str, None]] = {}
        for index, start, end in self.automaton.find_matches_as_indexes(plain, overlapping=True):
            phrase = self.phrases[index]
            if phrase.from_start and start and plain[start - 1].isalnum():
                continue
            if phrase.to_end and end < len(plain) and plain[end].isalnum():
                continue
            found.setdefault(phrase.motif, {})[phrase.text] = None
        return {motif: tuple(phrases) for motif, phrases in found.items()}


@lru_cache(maxsize=1)
def shipped_motifs() -> Motifs:
    """The motifs that come with the gateway."""
    source = files("services.antispam").joinpath("database", "sources", "motifs.tsv")
    return read_motifs(source.read_text(encoding="utf-8"))


def read_motifs(text: str) -> Motifs:
    """Motifs from their source: lines of motif, language, and phrases parted by ` | `."""
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    phrases = tuple(
        dict.fromkeys(phrase for motif, _, written in rows for phrase in _phrases(motif, written))
    )
    automaton = AhoCorasick([phrase.text for phrase in phrases], matchkind=MatchKind.Standard)
    return Motifs(phrases, automaton)


def _phrases(motif: str, written: str) -> Iterator[_Phrase]:
    for phrase in written.split(" | "):
        text = phrase.strip().rstrip("*")
        spaceless = any("\u2e80" <= char <= "\uffef" for char in text)
        yield _Phrase(
            motif,
            text,
            from_start=text[0].isalnum() and not spaceless,
            to_end=text[-1].isalnum() and not spaceless and not phrase.strip().endswith("*"),
        )
