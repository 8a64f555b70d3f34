"""All lessons of the site in memory: which of them a message is like, and how its words lean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.domain.lessons import LessonChange, Told
from services.antispam.database.fingerprints import Numbers
from services.antispam.database.samples import Sample, Samples, gather
from services.antispam.facts import Taught
from services.antispam.learning.features import Features, UnreadableFeatures, unpack, words_of

LEAST_LESSONS = 10
"""Of each kind, before words are counted: what fewer messages have in common is chance."""

LEAST_MET = 3
"""Lessons that a word is met in before it says anything."""

MOST_COUNTED = 20
"""Words of a message that are counted: those that lean most."""

MOST_LEANING = 2.0
"""Of one word, as the logarithm of odds: no word decides alone."""

_NO_WORDS: NDArray[np.uint32] = np.array([], dtype=np.uint32)
_NO_LEANINGS: NDArray[np.float64] = np.array([], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """How words lean: to spam above 0, to good mail below."""

    hashes: NDArray[np.uint32]  # in order
    leanings: NDArray[np.float64]

    def leaning(self, words: NDArray[np.uint32]) -> float:
        """How a message of these words leans: -1 is good and 1 is spam, 0 is no opinion."""
        if not len(self.hashes):
            return 0.0
        places = np.searchsorted(self.hashes, words).clip(max=len(self.hashes) - 1)
        found = self.leanings[places[self.hashes[places] == words]]
        if len(found) < LEAST_MET:
            return 0.0
        strongest = found[np.argsort(-np.abs(found), kind="stable")[:MOST_COUNTED]]
        return round(float(np.tanh(strongest.sum() / MOST_COUNTED)), 3)


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What the lessons come to; it never changes, `after` gives a newer one."""

    number: int = 0  # of the last change that is in it; 0: nothing was ever taught
    lessons: Mapping[str, tuple[Told, Features]] = field(default_factory=dict)
    samples: Mapping[Told, Samples] = field(default_factory=dict)
    words: Words = field(default_factory=lambda: Words(_NO_WORDS, _NO_LEANINGS))

    def look(self, tokens: Sequence[str], numbers: Numbers | None) -> Taught | None:
        """What lessons say of a text of these tokens and with that fingerprint; None if they say nothing."""
        if not self.lessons:
            return None
        like = {told: self._nearest(told, numbers) for told in Told}
        leaning = self.words.leaning(words_of(tokens)) if len(self.words.hashes) else 0.0
        (spam, spam_likeness), (good, good_likeness) = like[Told.SPAM], like[Told.GOOD]
        if not (spam or good or leaning):
            return None
        return Taught(spam, spam_likeness, good, good_likeness, leaning)

    def _nearest(self, told: Told, numbers: Numbers | None) -> tuple[str, float]:
        known = self.samples.get(told)
        for nearest in known.like(numbers)[:1] if known and numbers is not None else ():
            return nearest.sample, nearest.likeness
        return "", 0.0


def after(learned: Learned, changes: Sequence[LessonChange]) -> tuple[Learned, Sequence[str]]:
    """What is learned after these changes, and the lessons that this version cannot read."""
    lessons = dict(learned.lessons)
    unreadable = []
    for change in changes:
        lessons.pop(change.id, None)
        if change.features:
            try:
                lessons[change.id] = (change.told, unpack(change.features))
            except UnreadableFeatures:
                unreadable.append(change.id)
    number = max((change.number for change in changes), default=learned.number)
    samples = {
        told: gather(
            Sample(lesson, "", features.numbers)
            for lesson, (said, features) in sorted(lessons.items())
            if said is told and features.numbers is not None
        )
        for told in Told
    }
    return Learned(number, lessons, samples, _words(lessons.values())), unreadable


def _words(lessons: Iterable[tuple[Told, Features]]) -> Words:
    by_kind = {told: [features.words for said, features in lessons if said is told] for told in Told}
    if min(map(len, by_kind.values())) < LEAST_LESSONS:
        return Words(_NO_WORDS, _NO_LEANINGS)
    spam, good = (np.concatenate(by_kind[told]) for told in (Told.SPAM, Told.GOOD))
    hashes, counts = np.unique(np.concatenate([spam, good]), return_counts=True)
    hashes = hashes[counts >= LEAST_MET]
    odds = [
        (_counted(hashes, words) + 0.5) / (len(by_kind[told]) + 1)
        for told, words in ((Told.SPAM, spam), (Told.GOOD, good))
    ]
    return Words(hashes, np.log(odds[0] / odds[1]).clip(-MOST_LEANING, MOST_LEANING))


def _counted(hashes: NDArray[np.uint32], words: NDArray[np.uint32]) -> NDArray[np.int64]:
    """In how many lessons each of these words is."""
    ordered = np.sort(words)
    return np.searchsorted(ordered, hashes, "right") - np.searchsorted(ordered, hashes, "left")
