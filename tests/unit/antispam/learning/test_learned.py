from __future__ import annotations

import random
from collections.abc import Iterable

from gateway.domain.lessons import LessonChange, Told
from services.antispam.database.fingerprints import fingerprint
from services.antispam.facts import Taught
from services.antispam.learning.features import features_of, pack
from services.antispam.learning.learned import LEAST_LESSONS, Learned, after

DICE = random.Random(11)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def vocabulary(size: int) -> list[str]:
    return ["".join(DICE.choices(LETTERS, k=7)) for _ in range(size)]


COMMON, OF_SPAM, OF_GOOD = vocabulary(400), vocabulary(40), vocabulary(40)


def a_text(*vocabularies: list[str], words: int = 60) -> list[str]:
    return [DICE.choice(DICE.choice(vocabularies)) for _ in range(words)]


def changes(told: Told, texts: Iterable[list[str]], start: int = 1) -> list[LessonChange]:
    return [
        LessonChange(number, f"{told}{number}", told, pack(features_of(text)))
        for number, text in enumerate(texts, start)
    ]


def look(learned: Learned, text: list[str]) -> Taught | None:
    return learned.look(text, fingerprint(text))


def learned_of(*all_changes: list[LessonChange]) -> Learned:
    learned, unreadable = after(Learned(), [change for some in all_changes for change in some])
    assert not unreadable
    return learned


def both(count: int) -> Learned:
    return learned_of(
        changes(Told.SPAM, [a_text(COMMON, OF_SPAM) for _ in range(count)]),
        changes(Told.GOOD, [a_text(COMMON, OF_GOOD) for _ in range(count)], start=1000),
    )


def test_without_lessons_nothing_is_said() -> None:
    assert look(Learned(), a_text(COMMON)) is None


def test_a_message_like_a_lesson_is_recognised_and_others_are_not() -> None:
    text = a_text(COMMON)
    learned = learned_of(changes(Told.SPAM, [text]))
    changed = [*text[:20], "other", *text[21:]]

    found = look(learned, changed)

    assert found
    assert (found.spam, found.good) == ("spam1", "")
    assert found.spam_likeness > 0.8
    assert look(learned, a_text(COMMON)) is None


def test_a_lesson_that_was_taken_back_says_nothing_any_more() -> None:
    text = a_text(COMMON)
    learned = learned_of(changes(Told.SPAM, [text]))

    later, _ = after(learned, [LessonChange(2, "spam1", Told.SPAM, None)])

    assert look(learned, text)
    assert look(later, text) is None
    assert later.number == 2


def test_who_says_otherwise_turns_the_lesson() -> None:
    text = a_text(COMMON)
    learned = learned_of(changes(Told.SPAM, [text]))

    later, _ = after(learned, [LessonChange(2, "spam1", Told.GOOD, pack(features_of(text)))])

    found = look(later, text)
    assert found
    assert (found.spam, found.good) == ("", "spam1")


def test_words_lean_to_where_they_were_met() -> None:
    learned = both(LEAST_LESSONS * 3)

    spam, good, neither = (
        look(learned, a_text(*of, words=100)) for of in ((COMMON, OF_SPAM), (COMMON, OF_GOOD), (COMMON,))
    )

    assert spam
    assert good
    assert spam.leaning > 0.5
    assert good.leaning < -0.5
    assert neither is None or abs(neither.leaning) < 0.5


def test_words_of_few_lessons_say_nothing() -> None:
    assert look(both(LEAST_LESSONS - 1), a_text(OF_SPAM)) is None


def test_what_was_learned_does_not_depend_on_how_it_came() -> None:
    some = changes(Told.SPAM, [a_text(COMMON, OF_SPAM) for _ in range(15)])
    others = changes(Told.GOOD, [a_text(COMMON, OF_GOOD) for _ in range(15)], start=100)
    text = a_text(COMMON, OF_SPAM)

    at_once = learned_of(some, others)
    in_steps = Learned()
    for change in reversed([*some, *others]):
        in_steps, _ = after(in_steps, [change])

    assert look(at_once, text) == look(in_steps, text)


def test_a_lesson_of_another_version_is_told_and_left_out() -> None:
    learned, unreadable = after(Learned(), [LessonChange(1, "old", Told.SPAM, b"another version")])

    assert (unreadable, learned.number) == (["old"], 1)
    assert not learned.lessons
