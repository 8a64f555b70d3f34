from __future__ import annotations

import pytest

from gateway.domain.policy import Degree, SpamStatus
from services.antispam.checks.lessons import MOST_AGAINST, lessons
from services.antispam.facts import Facts, Taught
from services.antispam.message import Message
from services.antispam.scoring import THRESHOLDS, status_of
from services.antispam.view import View
from tests.support.content import SHIPPED_DATABASE


def found(**taught: float | str) -> list[tuple[str, float]]:
    facts = Facts(taught=Taught(**taught))  # type: ignore[arg-type]
    return [(finding.check, finding.score) for finding in lessons(View(Message(), facts, SHIPPED_DATABASE))]


def test_what_no_lesson_speaks_of_has_no_finding() -> None:
    assert list(lessons(View(Message(), Facts(), SHIPPED_DATABASE))) == []
    assert found(spam="a", spam_likeness=0.4, good="b", good_likeness=0.4) == []


@pytest.mark.parametrize(
    ("likeness", "status"), [(0.5, SpamStatus.PROBABLE), (0.75, SpamStatus.SPAM), (1.0, SpamStatus.SPAM)]
)
def test_what_is_like_a_lesson_about_spam_is_what_the_operator_said(
    likeness: float, status: SpamStatus
) -> None:
    facts = Facts(taught=Taught(spam="0af3", spam_likeness=likeness))

    findings = tuple(lessons(View(Message(), facts, SHIPPED_DATABASE)))

    assert status_of(findings, Degree.STANDARD) is status
    assert findings[0].detail == (
        f"an operator called a message spam whose text is the same by {likeness:.0%} (lesson 0af3)"
    )


def test_what_is_like_good_mail_is_never_held_against_it() -> None:
    assert found(spam="a", spam_likeness=1.0, good="b", good_likeness=0.5) == [("lessons.good", -10.0)]


def test_words_correct_and_decide_nothing() -> None:
    assert found(leaning=1.0) == [("lessons.words", 0.9)]
    assert found(leaning=-0.5) == [("lessons.words", -1.5)]
    assert all(thresholds.probable / 2 > MOST_AGAINST for thresholds in THRESHOLDS.values())
