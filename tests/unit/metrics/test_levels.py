from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from gateway.blobs.memory import MemoryBlobs
from gateway.bus.memory import MemoryBus
from gateway.domain.licence import Standing
from gateway.domain.pipeline import Module, Stage
from gateway.metrics import levels
from gateway.metrics.family import Collected, Sample
from gateway.records.port import Outage
from tests.support.bases import MADE_AT, a_set_in_use
from tests.support.licences import licensed
from tests.support.mails import NOON, a_mail
from tests.support.records import A_MAIL, MemoryOutages, ReadRecords


def numbers(found: Iterable[Collected]) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        each.family.name: {s.labels: s.value for s in each.samples if isinstance(s, Sample)} for each in found
    }


async def test_each_state_has_its_mail_and_the_age_of_the_oldest() -> None:
    older = replace(A_MAIL, received_at=NOON - timedelta(hours=1))
    records = ReadRecords([replace(A_MAIL, received_at=NOON), older, replace(older, state="parked")])

    found = numbers(await levels.mail_on_its_way(records, lambda: NOON + timedelta(minutes=1)))

    mails, ages = found["mailwarden_queue_mails"], found["mailwarden_queue_age_seconds"]
    assert (mails["WFC",], mails["parked",], mails["QUE",]) == (2, 1, 0)
    assert (ages["WFC",], ages["parked",], ages["QUE",]) == (3660, 3660, 0)


async def test_what_waits_for_each_stage_is_told() -> None:
    bus = MemoryBus()
    await bus.publish(Stage.SENDER, [a_mail()])

    found = numbers(await levels.waiting(bus))

    assert found["mailwarden_stage_waiting_mails"] == {("antispam",): 0, ("scanner",): 0, ("sender",): 1}


async def test_modules_that_are_suspended_are_told() -> None:
    found = numbers(await levels.orders(ReadRecords(suspensions=frozenset({Module.SENDER}))))

    assert found["mailwarden_module_suspended"] == {("receiver",): 0, ("scanning",): 0, ("sender",): 1}


async def test_outages_are_told_by_kind_and_never_by_name() -> None:
    outages = MemoryOutages()
    subjects = ("block list a.example", "block list b.example for IPv6", "clamd at /run/clamd", "the moon")
    await outages.tell("p", [Outage(subject, "", NOON) for subject in subjects], NOON, NOON)

    found = numbers(await levels.outages(outages, lambda: NOON))

    assert found["mailwarden_outages"] == {
        ("block list",): 2,
        ("clamd",): 1,
        ("greylist",): 0,
        ("next hop",): 0,
        ("other",): 1,
    }


async def test_the_licence_ends_with_its_last_day() -> None:
    found = numbers(await levels.licence(licensed()))

    assert found["mailwarden_licence_end_timestamp_seconds"] == {
        (): datetime(2027, 1, 5, tzinfo=UTC).timestamp()
    }


async def test_without_a_licence_its_end_is_past() -> None:
    licensing = licensed()
    licensing.standing = Standing(date.min, None, None)

    found = numbers(await levels.licence(licensing))

    assert found["mailwarden_licence_end_timestamp_seconds"] == {(): 0}


async def test_databases_in_use_are_told_with_when_they_were_made(tmp_path: Path) -> None:
    none = numbers(await levels.bases_in_use(tmp_path))
    a_set_in_use(tmp_path / "av", {"rules": b"1"})
    found = numbers(await levels.bases_in_use(tmp_path))

    assert none["mailwarden_bases_records"] == {}
    assert found["mailwarden_bases_made_timestamp_seconds"] == {("av",): MADE_AT.timestamp()}
    assert found["mailwarden_bases_records"] == {("av",): 1}


async def test_room_that_nobody_knows_is_left_out() -> None:
    assert numbers(await levels.room(MemoryBlobs()))["mailwarden_blobs_free_bytes"] == {}
