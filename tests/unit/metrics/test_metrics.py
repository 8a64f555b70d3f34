from __future__ import annotations

from gateway.domain.statistics import Timing
from gateway.metrics.catalogue import IN_HAND
from gateway.metrics.family import Collected, Distribution, Sample
from gateway.metrics.metrics import BOUNDS, Metrics


def told(metrics: Metrics, name: str) -> list[Sample | Distribution]:
    return [sample for each in metrics.at_hand() if each.family.name == name for sample in each.samples]


def test_a_time_is_counted_up_to_the_first_bound_that_it_does_not_exceed() -> None:
    metrics = Metrics()
    for seconds in (0.0004, 0.001, 0.0011, 400.0):
        metrics.took(Timing.SENDER, seconds)

    [distribution] = told(metrics, "mailwarden_stage_seconds")

    assert isinstance(distribution, Distribution)
    assert distribution.labels == ("sender",)
    assert distribution.counts == (2, 1, *[0] * (len(BOUNDS) - 2), 1)
    assert distribution.total == 0.0004 + 0.001 + 0.0011 + 400.0


def test_what_never_took_any_time_is_left_out() -> None:
    assert told(Metrics(), "mailwarden_stage_seconds") == []


def test_a_level_is_read_when_somebody_looks() -> None:
    metrics, mails = Metrics(), [1]
    metrics.watch(IN_HAND, lambda: mails[0], "sender")
    mails[0] = 5

    assert told(metrics, "mailwarden_mails_in_hand") == [Sample(5, ("sender",))]


async def test_who_has_to_be_asked_is_remembered() -> None:
    metrics = Metrics()

    async def source() -> list[Collected]:
        return []

    metrics.ask(source)

    assert metrics.sources == (source,)
