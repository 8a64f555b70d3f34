from __future__ import annotations

import pytest

from gateway.domain.policy import Degree
from services.antispam.checks.samples import LEAST_SCORE, MOST_SCORE, samples
from services.antispam.facts import Facts, Resemblance
from services.antispam.message import Message
from services.antispam.scoring import THRESHOLDS
from services.antispam.view import View
from tests.support.content import SHIPPED_DATABASE


@pytest.mark.parametrize(
    ("likeness", "score"),
    [(0.44, None), (0.45, LEAST_SCORE), (0.57, 6.37), (0.8, MOST_SCORE), (1.0, MOST_SCORE)],
)
def test_the_more_alike_the_higher_the_score(likeness: float, score: float | None) -> None:
    facts = Facts(resemblances=(Resemblance("parcel-1", "Parcel fraud", likeness),))

    found = [finding.score for finding in samples(View(Message(), facts, SHIPPED_DATABASE))]

    assert found == ([] if score is None else [score])


def test_the_finding_names_the_nearest_sample_and_its_category() -> None:
    near = (Resemblance("parcel-1", "Parcel fraud", 0.9), Resemblance("parcel-2", "Parcel fraud", 0.6))

    [found] = samples(View(Message(), Facts(resemblances=near), SHIPPED_DATABASE))

    assert found.category == "Parcel fraud"
    assert found.detail == (
        "the text is like a sample of known spam, parcel-1: 90% of its word sequences are the same"
    )


def test_a_copy_is_probable_spam_by_itself() -> None:
    standard = THRESHOLDS[Degree.STANDARD]

    assert standard.probable <= LEAST_SCORE
    assert standard.spam > MOST_SCORE
