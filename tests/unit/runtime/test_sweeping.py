from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Ended, Ending, Entered
from gateway.domain.mail import BodyRef
from gateway.records.port import Records
from gateway.records.sqlite import open_sqlite
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.sweeping import PAGE, Swept, sweep, sweep_regularly
from tests.support.mails import NOON, a_mail

HISTORY = timedelta(days=30)


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    opened = await open_sqlite(tmp_path / "records.db")
    yield opened
    await opened.close()


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs(now=lambda: NOON)


async def stored(blobs: MemoryBlobs, owner: str) -> BodyRef:
    writer = blobs.create(owner)
    await writer.write(b"hello")
    return await writer.commit()


async def names(blobs: MemoryBlobs) -> set[str]:
    return {name async for name in blobs.names(NOON + timedelta(days=365))}


def after(**time: float) -> datetime:
    return NOON + timedelta(**time)


async def test_a_body_is_removed_when_its_mails_ended_a_margin_ago(
    records: Records, blobs: MemoryBlobs
) -> None:
    body = await stored(blobs, "owner")
    for copy in ("one", "two"):
        await records.keep(Entered(a_mail(copy, body=body), "antispam", NOON), ended(copy))

    assert await sweep(records, blobs, after(minutes=59), HISTORY) == Swept(bodies=0, mails=0)
    assert await names(blobs) == {body.name}
    assert await sweep(records, blobs, after(minutes=61), HISTORY) == Swept(bodies=1, mails=0)
    assert await names(blobs) == set()
    assert await sweep(records, blobs, after(minutes=61), HISTORY) == Swept(bodies=0, mails=0)


async def test_a_body_stays_while_one_of_its_mails_is_on_its_way(
    records: Records, blobs: MemoryBlobs
) -> None:
    body = await stored(blobs, "owner")
    for copy in ("one", "two"):
        await records.keep(Entered(a_mail(copy, body=body), "antispam", NOON))
    await records.keep(ended("one"))

    swept = await sweep(records, blobs, after(days=300), HISTORY)

    assert swept.bodies == 0
    assert await names(blobs) == {body.name}


async def test_a_body_that_no_record_knows_is_kept_for_long(records: Records, blobs: MemoryBlobs) -> None:
    body = await stored(blobs, "owner")

    await sweep(records, blobs, after(days=29), HISTORY)
    assert await names(blobs) == {body.name}
    await sweep(records, blobs, after(days=31), HISTORY)

    assert await names(blobs) == set()


async def test_mail_is_forgotten_when_its_history_is_over(records: Records, blobs: MemoryBlobs) -> None:
    await records.keep(Entered(a_mail("one"), "antispam", NOON), ended("one"))

    assert (await sweep(records, blobs, after(days=29), HISTORY)).mails == 0
    assert (await sweep(records, blobs, after(days=31), HISTORY)).mails == 1
    assert await records.mail("one") is None


async def test_sweeping_goes_on_over_many_pages(records: Records, blobs: MemoryBlobs) -> None:
    owners = [f"owner{number}" for number in range(2 * PAGE + 1)]
    for owner in owners:
        body = await stored(blobs, owner)
        records.note(Entered(a_mail(owner, body=body), "antispam", NOON), ended(owner))
        await stored(blobs, f"orphan-of-{owner}")
    await records.keep()

    swept = await sweep(records, blobs, after(days=31), HISTORY)

    assert swept == Swept(bodies=2 * len(owners), mails=len(owners))
    assert await names(blobs) == set()


async def test_regular_sweeping_survives_that_the_blobs_are_away(
    records: Records, blobs: MemoryBlobs, caplog: pytest.LogCaptureFixture
) -> None:
    body = await stored(blobs, "owner")
    await records.keep(Entered(a_mail("one", body=body), "antispam", NOON), ended("one"))
    lifecycle = Lifecycle(Heartbeat(None))
    away = AwayOnce(blobs, then=lifecycle.stop)

    async with asyncio.timeout(30):
        await sweep_regularly(
            {"mail": lambda now: sweep(records, away, now, HISTORY)},
            lifecycle,
            every=timedelta(milliseconds=1),
            now=lambda: after(days=1),
        )

    assert await names(blobs) == set()
    assert "sweeping mail is put off: away" in caplog.text


class AwayOnce(MemoryBlobs):
    """Blobs that cannot remove at the first try, and tell of the second."""

    def __init__(self, blobs: MemoryBlobs, then: Callable[[], None]) -> None:
        super().__init__()
        self._blobs = blobs
        self._then = then
        self._away = True

    async def remove(self, name: str) -> None:
        if self._away:
            self._away = False
            raise TemporaryFailure("away")
        await self._blobs.remove(name)
        self._then()


def ended(mail_id: str) -> Ended:
    return Ended(mail_id, NOON, Ending.DELIVERED)
