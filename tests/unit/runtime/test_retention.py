"""Storages keep what their bounds allow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.blobs.carrying import CarryingBlobs
from gateway.blobs.memory import MemoryBlobs
from gateway.domain.mail import BodyRef
from gateway.domain.storage import Storage, StorageKind, StoredStatus
from gateway.records.entries import EntryFilter
from gateway.records.sqlite import open_sqlite
from gateway.runtime.retention import PAGE, Bounds, bounds_of, prune
from gateway.storages.memory import MemoryPlace
from gateway.storages.storages import Storages
from tests.support.configuration import MINIMAL, settings_of
from tests.support.mails import NOON, a_mail

ARCHIVE = Storage(StorageKind.INCOMING, "/arch_in")
OTHER = Storage(StorageKind.OUTGOING, "/arch_out")


@pytest.fixture
def place() -> MemoryPlace:
    return MemoryPlace()


@pytest.fixture
async def storages(place: MemoryPlace, tmp_path: Path) -> AsyncIterator[Storages]:
    records = await open_sqlite(tmp_path / "records.db")
    yield Storages(place, CarryingBlobs(MemoryBlobs()), records)
    await records.close()


async def keep(storages: Storages, count: int, storage: Storage = ARCHIVE) -> None:
    """So many mails of 100 bytes, one a day."""

    async def keep_one(number: int) -> None:
        body = BodyRef(f"{'0' * 64}-mail{number}", 100, carried=b"x" * 100)
        at = NOON + timedelta(days=number)
        await storages.keep(storage, a_mail(f"mail{number}", body=body), StoredStatus.RECEIVED, at=at)

    await asyncio.gather(*(keep_one(number) for number in range(count)))


async def left(storages: Storages, storage: Storage = ARCHIVE) -> list[str]:
    return [entry.id async for entry in storages.entries.walk(storage.path, EntryFilter())]


async def test_without_bounds_everything_stays(storages: Storages) -> None:
    await keep(storages, 2)

    assert await prune(storages, (), NOON + timedelta(days=10_000)) == 0
    assert await left(storages) == ["mail0", "mail1"]


async def test_what_is_too_old_goes_with_its_file(storages: Storages, place: MemoryPlace) -> None:
    await keep(storages, 4)
    await keep(storages, 1, OTHER)

    pruned = await prune(storages, (Bounds("/arch_in", timedelta(days=2)),), NOON + timedelta(days=4))

    assert pruned == 2
    assert await left(storages) == ["mail2", "mail3"]
    assert await left(storages, OTHER) == ["mail0"]
    assert len(place.files) == 3


async def test_what_is_too_much_goes_oldest_first(storages: Storages, place: MemoryPlace) -> None:
    await keep(storages, 5)

    pruned = await prune(storages, (Bounds("/arch_in", size=250),), NOON)

    assert pruned == 3
    assert await left(storages) == ["mail3", "mail4"]
    assert len(place.files) == 2


async def test_much_that_is_too_much_goes_in_pages(storages: Storages, place: MemoryPlace) -> None:
    await keep(storages, PAGE + 10)

    assert await prune(storages, (Bounds("/arch_in", size=100),), NOON) == PAGE + 9
    assert len(place.files) == 1


async def test_what_is_to_be_released_stays_until_it_is(storages: Storages) -> None:
    await keep(storages, 3)
    await storages.entries.order("/arch_in", ["mail0"], checked=True, again=False, at=NOON)

    await prune(storages, (Bounds("/arch_in", timedelta(days=1), size=1),), NOON + timedelta(days=9))

    assert await left(storages) == ["mail0"]


async def test_a_file_that_a_dead_process_left_goes_with_the_next_sweep(
    storages: Storages, place: MemoryPlace
) -> None:
    await keep(storages, 2)
    await storages.entries.remove("/arch_in", ["mail0"])
    assert len(place.files) == 2

    await prune(storages, (), NOON)

    assert len(place.files) == 1


def test_bounds_are_those_of_the_configuration() -> None:
    settings = settings_of(
        MINIMAL.replace("[smtpgw.path]\n", "[smtpgw.path]\nIncomingArchivePath=/arch_in\n").replace(
            "QuarantineMessage=\n", "QuarantineMessage=infected,as/spam\n"
        )
        + "[smtpgw.group:a]\nSenders=a@company.example\nAVQuarantinePath=/quarantine/a\n"
        "[gateway.storages]\nIncomingArchiveDays=30\nAVQuarantineSize=5\nOutgoingArchiveDays=1\n"
    )

    assert bounds_of(settings) == (
        Bounds("/arch_in", timedelta(days=30)),
        Bounds("/quarantine/a", size=5 << 20),
        Bounds("/var/lib/mailwarden/quarantine/av", size=5 << 20),
    )
