from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from gateway.domain.statistics import Gauge
from gateway.runtime import gauging
from gateway.runtime.clock import utc_now
from gateway.runtime.gauging import TRUE_FOR, Gauges, tell_regularly
from tests.support.records import MemoryGauges
from tests.support.waiting import until

IN = Gauge.INCOMING_CONNECTIONS


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauging, "LOOK_SECONDS", 0.01)


def told(records: MemoryGauges) -> int | None:
    values, _ = records.levels.get("p1", ({}, None))
    return values.get(IN)


def test_what_several_have_is_added_up() -> None:
    gauges = Gauges()
    gauges.watch(IN, lambda: 2)
    gauges.watch(IN, lambda: 3)

    assert gauges.read() == {IN: 5}


async def test_a_change_is_told_and_at_the_end_that_there_is_nothing() -> None:
    level = 3
    gauges, records = Gauges(), MemoryGauges()
    gauges.watch(IN, lambda: level)
    telling = asyncio.create_task(tell_regularly(gauges, records, "p1"))

    await until(lambda: told(records) == 3)
    level = 4
    await until(lambda: told(records) == 4)
    telling.cancel()
    with suppress(asyncio.CancelledError):
        await telling

    assert told(records) is None


async def test_what_does_not_change_is_told_before_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauging, "RENEW_SECONDS", 0.02)
    gauges, records = Gauges(), MemoryGauges()
    gauges.watch(IN, lambda: 1)
    telling = asyncio.create_task(tell_regularly(gauges, records, "p1"))
    await until(lambda: told(records) == 1)
    records.levels.clear()

    await until(lambda: told(records) == 1)

    telling.cancel()
    assert TRUE_FOR.total_seconds() > gauging.RENEW_SECONDS


async def test_records_that_are_away_are_told_later() -> None:
    gauges, records = Gauges(), MemoryGauges(away=True)
    gauges.watch(IN, lambda: 1)
    telling = asyncio.create_task(tell_regularly(gauges, records, "p1"))
    await asyncio.sleep(0)
    records.away = False

    await until(lambda: told(records) == 1)

    telling.cancel()
    assert await records.known(utc_now() + TRUE_FOR + timedelta(seconds=1)) == {}
