"""What the records promise about the greylist, asked of both databases and of the one in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.records import greylist as module
from gateway.records.port import Acquaintance, GreylistRecords, Meeting
from gateway.records.postgres import open_postgres
from gateway.records.sqlite import open_sqlite
from tests.support.greylist import MemoryGreylist
from tests.support.mails import NOON
from tests.support.postgres import execute

CLIENT = "192.0.2.0/24"
STRANGER = Acquaintance()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def greylist(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GreylistRecords]:
    if request.param == "memory":
        yield MemoryGreylist()
        return
    if request.param == "sqlite":
        records = await open_sqlite(tmp_path / "records.db")
    else:
        url = request.getfixturevalue("postgres")
        records = await open_postgres(url)
        execute(url, "TRUNCATE greylist")
    yield records.greylist
    await records.close()


def after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def met(triplet: str = "t1", *, at: float = 0, until: float = 48, client: str = CLIENT) -> Meeting:
    return Meeting(triplet, client, after(at), None, after(until))


def passed(triplet: str = "t1", *, at: float = 1, until: float = 900, client: str = CLIENT) -> Meeting:
    return Meeting(
        triplet,
        client,
        NOON,
        after(at),
        after(until),
    )


async def known(
    greylist: GreylistRecords, triplet: str = "t1", *, at: float = 2, client: str = CLIENT, enough: int = 5
) -> Acquaintance:
    return await greylist.acquaintance(client, triplet, after(at), enough)


async def test_a_stranger_is_not_known(greylist: GreylistRecords) -> None:
    assert await known(greylist) == STRANGER


async def test_a_message_that_was_met_is_known_since_then(greylist: GreylistRecords) -> None:
    await greylist.note([met(), met("t2", at=1)])

    assert await known(greylist) == Acquaintance(NOON)
    assert await known(greylist, "t2") == Acquaintance(after(1))
    assert await known(greylist, "t3") == STRANGER


async def test_of_several_meetings_the_first_counts(greylist: GreylistRecords) -> None:
    await greylist.note([met()])
    await greylist.note([met(at=1, until=96)])

    assert await known(greylist) == Acquaintance(NOON)
    assert await known(greylist, at=49) == STRANGER


async def test_a_message_that_came_again_is_a_proof_of_its_client(greylist: GreylistRecords) -> None:
    await greylist.note([met(), met("t2")])
    await greylist.note([passed()])

    assert await known(greylist) == Acquaintance(NOON, passed=True, proofs=1)
    assert await known(greylist, "t2") == Acquaintance(NOON, proofs=1)
    assert await known(greylist, "t3", client="198.51.100.0/24") == STRANGER


async def test_told_twice_a_proof_is_one(greylist: GreylistRecords) -> None:
    await greylist.note([passed()])
    await greylist.note([passed(at=1.5)])

    assert (await known(greylist)).proofs == 1


async def test_what_has_passed_stays_so_when_it_is_met_anew(greylist: GreylistRecords) -> None:
    await greylist.note([passed()])
    await greylist.note([met(at=2)])

    assert await known(greylist, at=100) == Acquaintance(NOON, passed=True, proofs=1)


async def test_proofs_are_counted_up_to_what_is_enough(greylist: GreylistRecords) -> None:
    await greylist.note([passed(f"t{number}") for number in range(4)])

    assert (await known(greylist, "t9", enough=3)).proofs == 3
    assert (await known(greylist, "t9", enough=9)).proofs == 4


async def test_what_is_over_is_forgotten_and_may_begin_anew(greylist: GreylistRecords) -> None:
    await greylist.note([passed(until=24)])
    assert await known(greylist, at=25) == STRANGER

    await greylist.note([met(at=25, until=73)])

    assert await known(greylist, at=26) == Acquaintance(after(25))


async def test_proofs_of_a_client_can_be_renewed(greylist: GreylistRecords) -> None:
    await greylist.note([passed(until=24), met("t2", until=24), passed("t3", until=24, client="b.example")])
    await greylist.renew([CLIENT], after(900))

    assert await known(greylist, at=25) == Acquaintance(NOON, passed=True, proofs=1)
    assert await known(greylist, "t2", at=25) == Acquaintance(proofs=1)
    assert await known(greylist, "t3", at=25, client="b.example") == STRANGER


async def test_purging_forgets_what_is_over(
    greylist: GreylistRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FORGOTTEN_AT_ONCE", 2)
    await greylist.note([*(met(f"t{number}") for number in range(5)), passed("p")])

    assert await greylist.purge(after(49), most=100) == 5
    assert (await known(greylist, "p", at=49)).passed


async def test_beyond_a_bound_what_would_be_over_first_goes(
    greylist: GreylistRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FORGOTTEN_AT_ONCE", 2)
    await greylist.note([*(met(f"t{number}", until=40 + number) for number in range(5)), passed("p")])

    assert await greylist.purge(after(1), most=3) == 3
    assert [(await known(greylist, f"t{number}")).first_at is None for number in range(5)] == [True] * 3 + [
        False
    ] * 2
    assert await greylist.purge(after(1), most=3) == 0


async def test_processes_may_note_the_same_at_once(greylist: GreylistRecords) -> None:
    meetings = [met(f"t{number}") for number in range(50)]
    await asyncio.gather(*(greylist.note(meetings[start:] + meetings[:start]) for start in range(8)))
    await asyncio.gather(*(greylist.note([replace(one, passed_at=after(1))]) for one in meetings))

    assert (await known(greylist, enough=100)).proofs == 50
