from __future__ import annotations

import pytest

from gateway.domain.journey import Finding
from gateway.domain.policy import Degree, SpamStatus
from services.antispam.scoring import THRESHOLDS, score_of, status_of, turning_of, weigh
from services.antispam.statistics.model import MOST
from services.antispam.weights import LIMITS, WEIGHTS


def found(*checks: str) -> tuple[Finding, ...]:
    return tuple(Finding(check, "seen") for check in checks)


def test_a_finding_counts_by_the_table() -> None:
    [weighed] = weigh(found("spf.fail"), Degree.STANDARD)

    assert weighed.score == WEIGHTS["spf.fail"].standard


def test_a_finding_that_is_not_in_the_table_brings_its_own_score() -> None:
    two = (Finding("terms", "a", 1.5), Finding("terms", "b", 0.5))

    assert score_of(weigh(two, Degree.STANDARD)) == 2.0


def test_a_sign_counts_once() -> None:
    assert score_of(weigh(found("spf.fail", "spf.fail"), Degree.STANDARD)) == WEIGHTS["spf.fail"].standard


@pytest.mark.parametrize("degree", Degree)
@pytest.mark.parametrize("family", sorted(LIMITS))
def test_findings_of_one_family_count_up_to_its_limit(family: str, degree: Degree) -> None:
    of_family = [check for check in WEIGHTS if check.startswith(f"{family}.")]

    score = score_of(weigh(found(*of_family), degree))

    assert of_family
    assert LIMITS[family].least <= score <= LIMITS[family].most


def test_beside_a_test_phrase_nothing_counts() -> None:
    weighed = weigh(found("from.missing", "probable_phrase", "good.conversation"), Degree.STANDARD)

    assert [finding.score for finding in weighed] == [0.0, 7.0, 0.0]


@pytest.mark.parametrize("degree", Degree)
def test_experience_alone_makes_nothing_spam(degree: Degree) -> None:
    assert THRESHOLDS[degree].spam > MOST


def test_a_harder_degree_weighs_signs_of_spam_more_and_good_signs_less() -> None:
    for weight in WEIGHTS.values():
        assert weight.soft <= weight.standard <= weight.hard


def test_what_would_have_changed_the_verdict_is_told() -> None:
    weighed = (Finding("a", "", 3.0), Finding("b", "", 2.0), Finding("c", "", -0.5), Finding("d", "", 0.0))

    turning = turning_of(weighed, Degree.STANDARD)

    assert turning.score == 4.5
    assert (turning.to_worse, turning.to_better) == (5.0, 1.8)
    assert turning.decisive == ("a", "b")
    assert turning.together == ("a",)


def test_good_mail_has_no_better_status_and_spam_no_worse() -> None:
    assert turning_of((), Degree.SOFT).to_better is None
    assert turning_of((), Degree.SOFT).together == ()
    assert turning_of((Finding("a", "", 50.0),), Degree.SOFT).to_worse is None


def test_the_sum_decides_and_not_the_order() -> None:
    tenths = tuple(Finding("terms", "", 0.1) for _ in range(35))

    assert status_of(tenths, Degree.STANDARD) is SpamStatus.PROBABLE
    assert status_of(tuple(reversed(tenths)), Degree.STANDARD) is SpamStatus.PROBABLE
