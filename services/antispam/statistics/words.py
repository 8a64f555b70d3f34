"""What single words say: a weight for each, learnt from labelled mail, in a text that people can read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.bases.source import BadSource
from services.antispam.database.lines import lines_of
from services.antispam.database.tokens import is_unspaced
from services.antispam.facts import Wording

WORDS = "words.tsv"

READ = 400
"""Tokens that are looked at: who wants something says so before."""

LEAST, MOST = -2.5, 4.0
"""What words add to a score at least and at most: alone they make nothing spam."""

FEW = 30
"""Known words below which each says no more for being alone."""

FULL = 6.0
"""What the weights of all words are multiplied with, over the root of how many there are."""

MOST_TOLD = 5
"""Words that a message's wording names."""

_has_digit = re.compile(r"\d").search
_HEAD = (
    "# word <TAB> what it says, learnt by `python -m cli.maker.model`; `:` before what stands in a Subject"
)


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """What was learnt of each word."""

    weights: Mapping[str, float]

    def of(self, tokens: Sequence[str], subject: Sequence[str]) -> Wording | None:
        """What the words of a message say together; None when nothing is known of them."""
        return self.judge(words_of(tokens, subject))

    def judge(self, words: Collection[str]) -> Wording | None:
        """The same of words that were taken out of their text."""
        weights = self.weights
        known = [(weights[word], word) for word in words if word in weights]
        if not known:
            return None
        # A set has another order in each process, and a sum of floats depends on it.
        known.sort(key=lambda one: (-abs(one[0]), one[1]))
        share = measure(len(known))
        score = round(min(MOST, max(LEAST, share * sum(weight for weight, _ in known))), 2)
        return Wording(score, tuple((word, round(share * weight, 2)) for weight, word in known[:MOST_TOLD]))


def words_of(tokens: Sequence[str], subject: Sequence[str]) -> frozenset[str]:
    """The words of a text that can be known, each once.

    Numbers are of no use elsewhere. Of a script without spaces each two characters that stand together are a
    word too. What stands in a Subject is a word by itself.
    """
    read = tokens[:READ]
    found = set(read)
    if not all(map(str.isascii, found)):
        found.update(_pairs(read))
    found.update(f":{token}" for token in subject)
    return frozenset(word for word in found if not _has_digit(word))


def measure(known: int) -> float:
    """What the weight of one word counts among so many that are known: long texts say a little more."""
    return float(FULL / max(known, FEW) ** 0.5)


def write_words(words: Words) -> str:
    """The text of what was learnt: the same one for the same weights."""
    rows = (f"{word}\t{weight:.3f}\n" for word, weight in sorted(words.weights.items()))
    return f"{_HEAD}\n{''.join(rows)}"


def read_words(text: str, origin: str) -> Words:
    """What was learnt, of its text. Raises `BadSource`."""
    weights = {}
    for line in lines_of(text, origin):
        if len(line.columns) != 2:
            raise line.bad("a line is a word and its weight, with one tab between them")
        word, weight = line.columns
        try:
            weights[word] = float(weight)
        except ValueError:
            raise line.bad(f"{weight!r} is no weight") from None
        if not -100.0 < weights[word] < 100.0:  # what is no number is not between them either
            raise line.bad(f"{weight!r} is no weight")
    if not weights:
        raise BadSource(f"{origin}: says nothing")
    return Words(weights)


def _pairs(tokens: Sequence[str]) -> Iterable[str]:
    before = ""
    for token in tokens:
        alone = len(token) == 1 and is_unspaced(token)
        if alone and before:
            yield before + token
        before = token if alone else ""
