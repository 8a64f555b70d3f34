from __future__ import annotations

from itertools import pairwise

from services.antispam.checks.terms import ENOUGH, LONG, MOST, MOST_TOLD, SHORT, terms
from services.antispam.facts import Facts, Term
from services.antispam.message import Message
from services.antispam.scoring import THRESHOLDS
from services.antispam.view import View
from tests.support.content import SHIPPED_DATABASE


def looked(*found: Term, words: int = 50) -> list[tuple[float, str]]:
    return [
        (seen.score, seen.category)
        for seen in terms(View(Message(), Facts(terms=found, words=words), SHIPPED_DATABASE))
    ]


def score(*found: Term, words: int = 50) -> float:
    return sum(points for points, _ in looked(*found, words=words))


def some(count: int, weight: float, category: str = "Phishing") -> tuple[Term, ...]:
    return tuple(Term(f"t{number}", category, weight) for number in range(count))


def test_a_strong_term_gives_its_category_and_points() -> None:
    assert looked(Term("verify your account", "Phishing", 3.0)) == [(3.6, "Phishing")]


def test_a_faint_term_gives_few_points_and_no_category() -> None:
    assert looked(Term("special offer", "Loans and debts", 0.3)) == [(0.36, "")]


def test_each_further_term_says_less_and_all_together_have_a_bound() -> None:
    steps = [score(*some(count, 1.0)) for count in range(1, 30)]

    assert all(next_one > one for one, next_one in pairwise(steps[:6]))
    assert steps[-1] < 3.4 * steps[0]
    assert score(*some(50, 3.0), *some(50, 3.0, "Gambling"), *some(50, 3.0, "Dating")) == MOST


def test_words_alone_never_make_a_message_spam() -> None:
    assert all(thresholds.spam > MOST for thresholds in THRESHOLDS.values())


def test_a_long_text_is_not_punished_for_faint_terms_that_it_has_by_chance() -> None:
    assert score(*some(10, 0.3), words=10 * SHORT) < score(*some(10, 0.3), words=SHORT) / 5
    assert score(*some(1, 2.0), words=LONG) == score(*some(1, 2.0), words=SHORT)


def test_a_newspaper_is_not_punished_for_a_strong_term() -> None:
    assert score(*some(1, 2.0), words=4 * LONG) == score(*some(1, 2.0), words=LONG) / 4


def test_what_does_not_count_is_a_category_and_no_sign_of_spam() -> None:
    assert looked(Term("bullshit", "Obscene", 2.0, counts=False)) == [(0.0, "Obscene")]
    assert looked(Term("damned", "Obscene", ENOUGH - 0.1, counts=False)) == []


def test_the_finding_names_the_strongest_terms_in_the_same_order_whatever_came_first() -> None:
    found = [*some(MOST_TOLD + 2, 1.0), Term("strong", "Phishing", 3.0)]

    [one] = terms(View(Message(), Facts(terms=tuple(found), words=50), SHIPPED_DATABASE))
    [two] = terms(View(Message(), Facts(terms=tuple(reversed(found)), words=50), SHIPPED_DATABASE))

    assert one == two
    assert one.detail == "words that are typical of Phishing: 'strong', 't0', 't1', 't2', 't3' and 3 more"
