from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from gateway.domain.policy import (
    ObjectAction,
    ObjectStatus,
    SpamStatus,
    fingerprint,
    worst,
)
from tests.support.policies import a_policy

POLICY = a_policy(
    object_actions=MappingProxyType({ObjectStatus.INFECTED: ObjectAction.REMOVE}),
    block=frozenset({SpamStatus.SPAM, ObjectStatus.ERROR, ObjectStatus.INFECTED}),
)


def test_equal_policies_have_equal_fingerprints_in_every_process() -> None:
    reordered = replace(
        POLICY,
        object_actions={ObjectStatus.INFECTED: ObjectAction.REMOVE},
        block=frozenset({ObjectStatus.INFECTED, ObjectStatus.ERROR, SpamStatus.SPAM}),
    )

    assert fingerprint(reordered) == fingerprint(POLICY) == "a24440a2b8cf50a5"


@pytest.mark.parametrize(
    "change",
    [
        {"check_av": False},
        {"block": frozenset({SpamStatus.SPAM})},
        {"object_actions": {ObjectStatus.INFECTED: ObjectAction.PASS}},
        {"include_by_name": ("*.exe",)},
    ],
    ids=str,
)
def test_any_difference_shows_in_the_fingerprint(change: dict[str, object]) -> None:
    assert fingerprint(replace(POLICY, **change)) != fingerprint(POLICY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "stands_for_all"),
    [
        ((), ObjectStatus.NOT_CHECKED),
        ((ObjectStatus.CLEAN, ObjectStatus.DISINFECTED), ObjectStatus.DISINFECTED),
        ((ObjectStatus.ERROR, ObjectStatus.FILTERED), ObjectStatus.ERROR),
        ((ObjectStatus.SUSPICIOUS, ObjectStatus.INFECTED, ObjectStatus.PROTECTED), ObjectStatus.INFECTED),
    ],
)
def test_the_worst_status_stands_for_the_message(
    statuses: tuple[ObjectStatus, ...], stands_for_all: ObjectStatus
) -> None:
    assert worst(statuses) is stands_for_all
