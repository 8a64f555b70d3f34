from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateway.records.port import Outage
from gateway.runtime import outages as module
from gateway.runtime.outages import TRUE_FOR, Outages
from tests.support.mails import NOON
from tests.support.records import MemoryOutages
from tests.support.waiting import until

LIST = "block list bl.example"


def outages_of(records: MemoryOutages) -> Outages:
    return Outages(records, "p1", now=lambda: NOON)


async def test_an_outage_is_told_to_the_records_and_taken_back_when_it_is_over() -> None:
    records = MemoryOutages()
    outages = outages_of(records)

    async with outages:
        outages.begin(LIST, "it lists everybody")
        await until(lambda: "p1" in records.told)
        told = records.told["p1"]
        outages.end(LIST)
        await until(lambda: records.told["p1"][0] == ())

    assert told == ((Outage(LIST, "it lists everybody", NOON),), NOON + TRUE_FOR)


async def test_a_process_that_ends_takes_back_what_it_told() -> None:
    records = MemoryOutages()
    outages = outages_of(records)

    async with outages:
        outages.begin(LIST, "it lists everybody")
        await until(lambda: "p1" in records.told)

    assert records.told["p1"][0] == ()


async def test_while_the_records_are_away_an_outage_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TELL_EVERY", timedelta(milliseconds=1))
    records = MemoryOutages(away=True)
    outages = outages_of(records)
    outages.begin(LIST, "it lists everybody")

    async with outages:
        await asyncio.sleep(0)
        records.away = False
        await until(lambda: "p1" in records.told)


async def test_a_process_without_outages_writes_nothing() -> None:
    records = MemoryOutages()

    async with outages_of(records):
        await asyncio.sleep(0)

    assert records.told == {}


async def test_only_a_change_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    outages = outages_of(MemoryOutages())

    for _ in range(3):
        outages.begin(LIST, "it lists everybody")
    outages.begin(LIST, "it does not answer")
    for _ in range(3):
        outages.end(LIST)

    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "it lists everybody",
        "it does not answer",
        "",
    ]
    assert caplog.records[-1].getMessage() == f"{LIST} is in order again"
