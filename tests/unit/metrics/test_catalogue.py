from __future__ import annotations

import re

import pytest

from gateway.domain.pipeline import Stage
from gateway.domain.statistics import Counter, Timing
from gateway.metrics.catalogue import COUNTERS, OTHER, SUMS, TIMES, families
from gateway.metrics.family import Family, Kind, Sample

UNITS = ("_seconds", "_bytes", "_info", "_total")
ZERO: dict[str, int] = dict.fromkeys(Counter, 0)


def test_every_counter_is_in_one_place() -> None:
    used = [counter for counted in COUNTERS for counter in counted.of.values()]
    among = [counted.among for counted in COUNTERS if counted.among]

    assert sorted([*used, *among, *SUMS]) == sorted(Counter)


def test_every_time_is_in_one_place() -> None:
    assert sorted(timing for timings in TIMES.values() for _, timing in timings) == sorted(Timing)


def test_names_are_there_once() -> None:
    names = [family.name for family in families()]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_names_follow_the_conventions(family: Family) -> None:
    assert re.fullmatch(r"(mailwarden|process)(_[a-z0-9]+)+", family.name)
    assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
    assert family.kind is not Kind.HISTOGRAM or family.name.endswith("_seconds")
    assert family.meaning.endswith(".")


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_tells_what_became_of_its_mail(stage: Stage) -> None:
    [steps] = [counted for counted in COUNTERS if counted.family.name == "mailwarden_stage_mails_total"]
    results = {result for of, result in steps.of if of == stage}

    assert {"later", "parked", "removed"} < results
    assert results & {"onward", "delivered"}


def test_what_has_no_reason_of_its_own_is_other() -> None:
    [refused] = [counted for counted in COUNTERS if counted.family.name == "mailwarden_refused_total"]

    told = refused.collected({**ZERO, Counter.RECEIVINGS_REFUSED: 7, Counter.REFUSED_FOR_HOPS: 2})

    assert Sample(2, ("hops",)) in told.samples
    assert Sample(5, (OTHER,)) in told.samples
    assert sum(sample.value for sample in told.samples if isinstance(sample, Sample)) == 7
