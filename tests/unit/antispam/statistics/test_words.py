from __future__ import annotations

import pytest

from services.antispam.checks.words import words
from services.antispam.facts import Facts
from services.antispam.message import Message
from services.antispam.scoring import THRESHOLDS
from services.antispam.statistics.words import (
    FEW,
    FULL,
    LEAST,
    MOST,
    READ,
    Words,
    read_words,
    words_of,
    write_words,
)
from services.antispam.view import View
from tests.support.content import SHIPPED_DATABASE

KNOWN = Words({"prize": 0.5, "lunch": -0.25, ":prize": 0.1, "奖金": 1.0})
ONE = FULL / FEW**0.5
"""What a weight of 1 adds in a short text."""


def test_what_is_written_is_read_again_and_always_the_same_text() -> None:
    assert read_words(write_words(KNOWN), "words.tsv").weights == KNOWN.weights
    assert write_words(KNOWN) == write_words(Words(dict(sorted(KNOWN.weights.items(), reverse=True))))


@pytest.mark.parametrize(
    ("tokens", "subject", "score"),
    [
        (["prize"], [], 0.5),
        (["prize", "prize", "unknown"], [], 0.5),
        (["prize", "lunch"], ["prize"], 0.35),
        (["奖", "金"], [], 1.0),
        (["金", "奖"], [], None),
        ([*["filler"] * READ, "prize"], [], None),
        ([], [], None),
    ],
)
def test_words_add_up_each_once(tokens: list[str], subject: list[str], score: float | None) -> None:
    wording = KNOWN.of(tokens, subject)

    assert (wording and wording.score) == (None if score is None else round(score * ONE, 2))


def test_words_add_up_to_the_same_in_any_order() -> None:
    far_apart = Words({"a": 1e16, "b": 1.0, "c": -1e16})

    assert far_apart.judge(["a", "b", "c"]) == far_apart.judge(["a", "c", "b"])


def test_numbers_are_no_words() -> None:
    assert words_of(["pay", "2024", "a1"], ["2024"]) == {"pay"}


def test_more_words_say_more_but_less_each() -> None:
    known = Words({f"w{chr(97 + at // 26)}{chr(97 + at % 26)}": 0.01 for at in range(4 * FEW)})
    few, many = (known.judge(list(known.weights)[:count]) for count in (FEW, 4 * FEW))

    assert few
    assert many
    assert many.score == pytest.approx(2 * few.score, abs=0.02)


def test_words_alone_never_make_a_message_spam_or_clear_it() -> None:
    sure = Words({"bad": 99.0, "good": -99.0})
    bad, good = sure.judge(["bad"]), sure.judge(["good"])

    assert bad
    assert good
    assert (bad.score, good.score) == (MOST, LEAST)
    assert all(thresholds.spam > MOST for thresholds in THRESHOLDS.values())


def test_the_finding_names_the_words_that_weigh_most() -> None:
    wording = KNOWN.of(["prize", "lunch"], ["prize"])

    [found] = words(View(Message(), Facts(wording=wording), SHIPPED_DATABASE))

    assert found.detail == "experience with such words: 'prize' +0.55, 'lunch' -0.27, 'prize' +0.11"
