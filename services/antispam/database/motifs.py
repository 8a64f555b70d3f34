"""What unwanted mail is told with: phrases by motif, found in one pass over the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick, MatchKind

from gateway.bases.source import BadSource
from services.antispam.database.lines import Line, lines_of
from services.antispam.reading.plain import single_spaced

MOTIFS = "motifs.tsv"

MOST_LETTERS = 6_000
"""Characters that are looked at: who wants something says so before, and a newspaper tells of everything."""

_SAME = (("_", " "), ("’", "'"), ("‘", "'"), ("´", "'"), ("\xa0", " "), ("\n", " "))
"""What is written in place of others."""


@dataclass(frozen=True, slots=True)
class _Phrase:
    motif: str
    text: str
    from_start: bool  # a word has to begin there: not in scripts without spaces
    to_end: bool


@dataclass(frozen=True, slots=True, eq=False)
class Motifs:
    """The phrases, ready to be looked for."""

    phrases: tuple[_Phrase, ...]
    automaton: AhoCorasick

    def found_in(self, text: str) -> Mapping[str, tuple[str, ...]]:
        """The phrases of each motif that the text holds, each once, in the order they stand there."""
        plain = text[:MOST_LETTERS]
        for written, meant in _SAME:
            plain = plain.replace(written, meant)
        plain = single_spaced(plain)
        found: dict[str, dict[str, None]] = {}
        for index, start, end in self.automaton.find_matches_as_indexes(plain, overlapping=True):
            phrase = self.phrases[index]
            if phrase.from_start and start and plain[start - 1].isalnum():
                continue
            if phrase.to_end and end < len(plain) and plain[end].isalnum():
                continue
            found.setdefault(phrase.motif, {})[phrase.text] = None
        return {motif: tuple(phrases) for motif, phrases in found.items()}


def parse_motifs(text: str, origin: str) -> Motifs:
    """The motifs of their source: `sources/README.md` tells its form. Raises `BadSource`."""
    phrases = tuple(dict.fromkeys(phrase for line in lines_of(text, origin) for phrase in _phrases(line)))
    if not phrases:
        raise BadSource(f"{origin}: says nothing")
    automaton = AhoCorasick([phrase.text for phrase in phrases], matchkind=MatchKind.Standard)
    return Motifs(phrases, automaton)


def _phrases(line: Line) -> Iterator[_Phrase]:
    if len(line.columns) != 3:
        raise line.bad("a line is motif, language and phrases, with one tab between them")
    motif, _, written = line.columns
    for phrase in written.split("|"):
        text = phrase.strip().rstrip("*")
        if not text:
            raise line.bad("a phrase is empty")
        spaceless = any("\u2e80" <= char <= "\uffef" for char in text)
        yield _Phrase(
            motif,
            text,
            from_start=text[0].isalnum() and not spaceless,
            to_end=text[-1].isalnum() and not spaceless and not phrase.strip().endswith("*"),
        )
