"""What the records promise about outages, asked of both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.records.port import Outage, OutageRecords
from gateway.records.postgres import open_postgres
from gateway.records.sqlite import open_sqlite
from tests.support.mails import NOON
from tests.support.postgres import execute

SOON = NOON + timedelta(minutes=3)
LATER = NOON + timedelta(minutes=4)
LIST = Outage("block list bl.example", "it lists everybody", NOON)
OTHER = Outage("block list other.example", "it does not answer", NOON)


@pytest.fixture(params=["sqlite", "postgres"])
async def outages(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OutageRecords]:
    if request.param == "sqlite":
        records = await open_sqlite(tmp_path / "records.db")
    else:
        url = request.getfixturevalue("postgres")
        records = await open_postgres(url)
        execute(url, "TRUNCATE outages")
    yield records.outages
    await records.close()


async def test_what_a_process_tells_is_known(outages: OutageRecords) -> None:
    await outages.tell("p1", [OTHER, LIST], NOON, SOON)

    assert await outages.known(NOON) == [LIST, OTHER]


async def test_what_a_process_tells_takes_the_place_of_what_it_told_before(outages: OutageRecords) -> None:
    await outages.tell("p1", [LIST, OTHER], NOON, SOON)
    await outages.tell("p1", [OTHER], NOON, SOON)

    assert await outages.known(NOON) == [OTHER]


async def test_several_processes_know_one_outage_which_began_when_the_first_met_it(
    outages: OutageRecords,
) -> None:
    await outages.tell("p1", [Outage(LIST.subject, "it does not answer", SOON)], SOON, LATER)
    await outages.tell("p2", [LIST], SOON, LATER)

    assert await outages.known(SOON) == [LIST]


async def test_what_is_not_told_anew_is_no_longer_true(outages: OutageRecords) -> None:
    await outages.tell("killed", [LIST], NOON, SOON)
    await outages.tell("p1", [OTHER], LATER, LATER)

    assert await outages.known(LATER) == [OTHER]
