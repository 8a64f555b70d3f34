"""Typical words and phrases: read from their sources, kept as a table, all of them found in one pass.

A phrase is kept as it is looked for: its tokens with a space around each. So what is found begins and ends
with whole words; where a `*` stood the outer space is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from services.antispam.database.categories import Categories
from services.antispam.database.lines import Line, lines_of
from services.antispam.database.tokens import is_unspaced, tokens_of
from services.antispam.facts import Term

LEAST_WEIGHT, MOST_WEIGHT = 0.1, 3.0

MOST_WORDS = 12

LONGEST_PHRASE = 100
"""Characters."""

MOST_CHOICES = 1_000
"""Phrases that one line may stand for."""

LEAST_STEM = 3
"""Letters beside a `*`: fewer are part of too many words."""

LEAST_UNSPACED = 2
"""Characters of a phrase in a script without spaces: one alone is part of too many."""

SUBJECT = "subject"
"""A place: the phrase speaks in a Subject alone."""

_STAR = "*"
_CHOICE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A term as the database keeps it."""

    pattern: str  # tokens with a space before, between and behind
    weight: float
    category: str  # key
    place: str  # "" is everywhere, or `SUBJECT`

    @property
    def text(self) -> str:
        """The phrase as people are told it."""
        words = self.pattern.strip().split(" ")
        joined = "".join(words) if all(map(is_unspaced, words)) else " ".join(words)
        start = "" if self.pattern.startswith(" ") else _STAR
        return start + joined + ("" if self.pattern.endswith(" ") else _STAR)


class Terms:
    """All terms of a database, as one machine that reads a text once."""

    def __init__(self, phrases: Sequence[Phrase], categories: Categories) -> None:
        self._terms: list[Term] = []
        for phrase in phrases:
            category = categories.find(phrase.category)
            assert category, "phrases are parsed with the categories of their set"  # noqa: S101
            self._terms.append(Term(phrase.text, category.name, phrase.weight, category.counts))
        self._in_subject = frozenset(
            number for number, phrase in enumerate(phrases) if phrase.place == SUBJECT
        )
        # Of its three forms the one that is small, and quick on what real text is made of.
        self._machine = AhoCorasick(
            [phrase.pattern for phrase in phrases],
            matchkind=MatchKind.Standard,
            store_patterns=False,
            implementation=Implementation.ContiguousNFA,
        )

    def __len__(self) -> int:
        return len(self._terms)

    def found_in(self, words: Sequence[str], subject: Sequence[str]) -> tuple[Term, ...]:
        """The terms in a text of these tokens and in those of its Subjects, each once, in the set's order."""
        found = self._numbers(words, self._in_subject) | self._numbers(subject, frozenset())
        return tuple(self._terms[number] for number in sorted(found))

    def _numbers(self, tokens: Sequence[str], ignored: Set[int]) -> set[int]:
        """The numbers of the terms that are found outside of longer ones, as if those ignored were none."""
        places = self._machine.find_matches_as_indexes(f" {' '.join(tokens)} ", overlapping=True)
        places.sort(key=lambda place: (place[1], -place[2]))
        numbers: set[int] = set()
        reached = 0
        for number, _, end in places:
            if end > reached and number not in ignored:
                numbers.add(number)
                reached = end
        return numbers


def parse_phrases(texts: Mapping[str, str], categories: Categories) -> tuple[Phrase, ...]:
    """The phrases of all sources, by the names of their files, in the order of their patterns.

    `sources/README.md` tells the form of a source. Raises `BadSource`.
    """
    known: dict[str, tuple[Phrase, Line]] = {}
    for origin, text in texts.items():
        for line in lines_of(text, origin):
            for phrase in _phrases(line, categories):
                lighter = (
                    _lighter(phrase, *known[phrase.pattern], line) if phrase.pattern in known else phrase
                )
                known[phrase.pattern] = (lighter, line)
    return tuple(known[pattern][0] for pattern in sorted(known))


def write_phrases(phrases: Iterable[Phrase]) -> str:
    """Phrases as a set keeps them."""
    return "".join(f"{of.weight:g}\t{of.category}\t{of.place}\t{of.pattern}\n" for of in phrases)


def read_phrases(text: str) -> tuple[Phrase, ...]:
    """Phrases of a set, whose digest says that they are what was written."""
    rows = (line.split("\t") for line in text.split("\n") if line)
    return tuple(Phrase(pattern, float(weight), category, place) for weight, category, place, pattern in rows)


def _phrases(line: Line, categories: Categories) -> Iterator[Phrase]:
    if not 3 <= len(line.columns) <= 4:
        raise line.bad("a line is weight, category, phrase and perhaps a place, with one tab between them")
    weight, category, written, place = (*line.columns, "")[:4]
    if categories.find(category) is None:
        raise line.bad(f"there is no category {category!r}")
    if place not in ("", SUBJECT):
        raise line.bad(f"{place!r} is no place: it is {SUBJECT}, or nothing")
    for chosen in _choices(line, written):
        yield Phrase(_pattern(line, chosen), _weight(line, weight), category, place)


def _choices(line: Line, written: str) -> list[str]:
    """All phrases that a line stands for: one of the words of each `{one|other}` in its place."""
    fixed, *choices = _CHOICE.split(written)
    phrases = [fixed]
    for words, behind in zip(choices[::2], choices[1::2], strict=True):
        phrases = [f"{start}{word}{behind}" for start in phrases for word in words.split("|")]
        if len(phrases) > MOST_CHOICES:
            raise line.bad(f"{written!r} stands for more than {MOST_CHOICES:,} phrases")
    return phrases


def _weight(line: Line, written: str) -> float:
    try:
        weight = float(written)
    except ValueError:
        weight = 0.0
    if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise line.bad(f"{written!r} is no weight: it is a number from {LEAST_WEIGHT} to {MOST_WEIGHT:g}")
    return weight


def _pattern(line: Line, written: str) -> str:
    words = tokens_of(written)
    open_start, open_end = written.startswith(_STAR), written.endswith(_STAR)
    if not words or len(written) > LONGEST_PHRASE:
        raise line.bad(f"{written!r} is no phrase: it has 1 to {LONGEST_PHRASE} characters, and words in it")
    if _STAR in written.strip(_STAR):
        raise line.bad(f"{written!r} has a {_STAR} that is neither its first nor its last character")
    if all(map(is_unspaced, words)):
        if len(words) < LEAST_UNSPACED:
            raise line.bad(f"{written!r} is one character alone, which is part of too many words")
    elif len(words) > MOST_WORDS:
        raise line.bad(f"{written!r} has more than {MOST_WORDS} words")
    for is_open, word in ((open_start, words[0]), (open_end, words[-1])):
        if is_open and not is_unspaced(word) and len(word) < LEAST_STEM:
            raise line.bad(f"{written!r}: {word!r} is too short beside a {_STAR}")
    return f"{'' if open_start else ' '}{' '.join(words)}{'' if open_end else ' '}"


def _lighter(phrase: Phrase, other: Phrase, other_line: Line, line: Line) -> Phrase:
    """Of one phrase in two sources the one that is right for both."""
    if (phrase.category, phrase.place) != (other.category, other.place):
        raise line.bad(
            f"{phrase.text!r} is {phrase.category} here, and {other.category} in "
            f"{other_line.origin}, line {other_line.number}"
        )
    return min(phrase, other, key=lambda of: of.weight)
