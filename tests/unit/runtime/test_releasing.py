"""Releases: each order is carried out once, wherever it is cut off."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from gateway.blobs.carrying import CarryingBlobs
from gateway.blobs.memory import MemoryBlobs
from gateway.blobs.port import Blobs
from gateway.bus.memory import MemoryBus
from gateway.domain.errors import TemporaryFailure
from gateway.domain.mail import BodyRef, Mail, Notify, Recipient
from gateway.domain.message import composed
from gateway.domain.pipeline import Stage
from gateway.domain.policy import Group, Policy, SpamStatus
from gateway.domain.release import Site
from gateway.domain.storage import Storage, StorageKind, StoredStatus
from gateway.records.sql import SqlRecords
from gateway.records.sqlite import open_sqlite
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.releasing import AT_ONCE, CLAIM, MISSING, Releaser, release_regularly
from gateway.storages.memory import MemoryPlace
from gateway.storages.storages import Storages
from tests.support.mails import NOON, a_mail

BODY = b"Subject: hi\r\n\r\nhello\r\n"
QUARANTINE = Storage(StorageKind.AV_QUARANTINE, "/quarantine/av")
SALES = Group("sales", ("*",), ("s@site.example",), cast(Policy, None))
SITE = Site((SALES,), ("site.example",))
LATER = NOON + timedelta(days=400)


class Killed(BaseException):
    """The process is gone, in the middle of what it did."""


@dataclass
class Clock:
    now: datetime = LATER

    def __call__(self) -> datetime:
        return self.now


@dataclass
class PublishedBus(MemoryBus):
    """Remembers what was published, and can be away."""

    published: list[tuple[Stage, Mail]] = field(default_factory=list)
    away: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        if self.away:
            raise TemporaryFailure("the bus is away")
        self.published += ((stage, mail) for mail in mails)


@dataclass
class Bench:
    """A storage with a few mails, and who releases them."""

    releaser: Releaser
    records: SqlRecords
    storages: Storages
    place: MemoryPlace
    bus: PublishedBus
    blobs: Blobs
    clock: Clock

    async def keep(self, mail_id: str, *recipients: str, **changes: object) -> Mail:
        body = BodyRef(f"{'0' * 64}-{mail_id}", len(BODY), carried=BODY)
        mail = a_mail(mail_id, *recipients, body=body, top=b"Received: x\r\n", **changes)
        await self.storages.keep(QUARANTINE, mail, StoredStatus.INFECTED, at=NOON)
        return mail

    async def order(self, *ids: str, checked: bool = True, again: bool = False) -> int:
        return await self.storages.entries.order(
            QUARANTINE.path, ids or None, checked=checked, again=again, at=self.clock.now
        )

    async def message(self, mail: Mail) -> bytes:
        return composed(mail, await self.blobs.read(mail.body))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    records = await open_sqlite(tmp_path / "records.db")
    blobs, place, bus, clock = CarryingBlobs(MemoryBlobs()), MemoryPlace(), PublishedBus(), Clock()
    storages = Storages(place, blobs, records)
    yield Bench(
        Releaser(storages, blobs, bus, records, SITE, now=clock), records, storages, place, bus, blobs, clock
    )
    await records.close()


async def test_a_checked_release_begins_anew_with_the_groups_of_today(bench: Bench) -> None:
    to = (Recipient("b@site.example", (Notify.DELAY,)), Recipient("s@site.example"))
    mail = await bench.keep("one", spam=SpamStatus.SPAM, group="gone", attempts=3)
    await bench.keep("one", spam=SpamStatus.SPAM, envelope=replace(mail.envelope, recipients=to))
    await bench.order("one")

    await bench.releaser.release_some()

    (first_stage, policy), (second_stage, sales) = bench.bus.published
    assert first_stage is second_stage is Stage.ANTISPAM
    assert (policy.group, policy.envelope.recipients) == ("", to[:1])
    assert (sales.group, sales.envelope.recipients) == ("sales", to[1:])
    assert policy.spam is sales.spam is None
    assert len({policy.id, sales.id, "one"}) == 3
    assert policy.source_id == sales.source_id == "one"
    assert policy.body == sales.body
    assert await bench.message(policy) == b"Received: x\r\n" + BODY


async def test_a_release_without_check_goes_straight_to_the_sender(bench: Bench) -> None:
    await bench.keep("one", "b@site.example", "s@site.example", spam=SpamStatus.SPAM, group="sales")
    await bench.order("one", checked=False)

    await bench.releaser.release_some()

    [(stage, mail)] = bench.bus.published
    assert stage is Stage.SENDER
    assert [to.address for to in mail.envelope.recipients] == ["b@site.example", "s@site.example"]
    assert (mail.group, mail.spam) == ("sales", SpamStatus.SPAM)
    assert await bench.message(mail) == b"Received: x\r\n" + BODY


async def test_the_time_for_delivery_begins_with_the_release(bench: Bench) -> None:
    await bench.keep("one")
    await bench.order("one")

    await bench.releaser.release_some()

    [(_, mail)] = bench.bus.published
    assert mail.envelope.received_at == LATER
    record = await bench.records.mail(mail.id)
    assert record is not None
    assert (record.state, record.received_at) == ("WFC", LATER)


async def test_what_was_released_stays_in_the_storage_and_says_so(bench: Bench) -> None:
    await bench.keep("one")
    await bench.order("one")

    await bench.releaser.release_some()

    entry = await bench.storages.entries.find(QUARANTINE.path, "one")
    assert entry is not None
    assert (entry.release, entry.released_at, entry.ordered_at) == (1, LATER, None)
    assert await bench.releaser.release_some() == 0


async def test_each_order_is_another_release_with_ids_of_its_own(bench: Bench) -> None:
    await bench.keep("one")
    for _ in range(2):
        await bench.order("one", again=True)
        await bench.releaser.release_some()

    first, second = (mail for _, mail in bench.bus.published)
    assert first.id != second.id
    assert (await bench.message(first)) == (await bench.message(second))


async def test_while_the_bus_is_away_a_release_waits(bench: Bench) -> None:
    await bench.keep("one")
    await bench.order("one")
    bench.bus.away = True
    await bench.releaser.release_some()
    bench.bus.away = False

    bench.clock.now += CLAIM
    await bench.releaser.release_some()

    assert len(bench.bus.published) == 1


async def test_a_file_that_somebody_removed_is_told_and_stops_nothing_else(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.keep("one")
    await bench.keep("two")
    await bench.order()
    bench.place.files.pop("/quarantine/av/2026-03-02/one.eml")

    await bench.releaser.release_some()

    assert [mail.source_id for _, mail in bench.bus.published] == ["two"]
    entry = await bench.storages.entries.find(QUARANTINE.path, "one")
    assert entry is not None
    assert (entry.failure, entry.ordered_at) == (MISSING, None)
    assert "one cannot be released from /quarantine/av: its file was removed by hand" in caplog.text


async def test_a_fault_of_ours_is_told_once_and_not_tried_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.keep("one")
    await bench.order()
    monkeypatch.setattr(MemoryBlobs, "create", _fault)
    monkeypatch.setattr(CarryingBlobs, "create", _fault)

    await bench.releaser.release_some()
    bench.clock.now += CLAIM

    assert await bench.releaser.release_some() == 0
    assert "ZeroDivisionError" in caplog.text


def _fault(*_: object) -> None:
    raise ZeroDivisionError


def points(bench: Bench) -> dict[str, tuple[object, str]]:
    """All that a release asks of others, by the name under which it is cut off there."""
    return {
        "reading the file": (bench.storages, "message"),
        "storing the body": (bench.blobs, "create"),
        "publishing": (bench.bus, "publish"),
        "writing down": (bench.records, "keep"),
        "concluding": (bench.records.entries, "released"),
    }


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "point", ["reading the file", "storing the body", "publishing", "writing down", "concluding"]
)
async def test_a_release_that_was_cut_off_anywhere_is_still_one_mail_for_each_group(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, point: str, moment: str
) -> None:
    await bench.keep("one", "b@site.example", "s@site.example")
    await bench.order("one")
    target, name = points(bench)[point]
    with monkeypatch.context() as patched:
        patched.setattr(type(target), name, _killed(getattr(type(target), name), moment), raising=True)
        with pytest.raises(Killed):
            await bench.releaser.release_some()
    assert await bench.releaser.release_some() == 0  # nobody else has it while the claim lasts

    bench.clock.now += CLAIM
    await bench.releaser.release_some()

    mails = [mail for _, mail in bench.bus.published]
    assert Counter(mail.group for mail in {mail.id: mail for mail in mails}.values()) == {"": 1, "sales": 1}
    # Only what was published and never written down is published twice, under the same id.
    twice = [mail_id for mail_id, times in Counter(mail.id for mail in mails).items() if times > 1]
    assert len(twice) == ((point, moment) in {("publishing", "after"), ("writing down", "before")})
    assert len({mail.body.name for mail in mails}) == 1
    entry = await bench.storages.entries.find(QUARANTINE.path, "one")
    assert entry is not None
    assert (entry.release, entry.ordered_at) == (1, None)


def _killed(work: Callable[..., object], moment: str) -> Callable[..., object]:
    """`work` that ends the process right before or after it."""

    def plain(*args: object, **kwargs: object) -> object:
        if moment == "before":
            raise Killed
        work(*args, **kwargs)
        raise Killed

    async def waiting(*args: object, **kwargs: object) -> object:
        if moment == "before":
            raise Killed
        await cast(Callable[..., AsyncIterator[None]], work)(*args, **kwargs)  # type: ignore[misc]
        raise Killed

    return waiting if asyncio.iscoroutinefunction(work) else plain


async def test_many_are_released_without_pauses_until_the_process_stops(bench: Bench) -> None:
    for number in range(2 * AT_ONCE + 1):
        await bench.keep(f"mail{number}")
    await bench.order()
    lifecycle = Lifecycle(Heartbeat(None))

    async def stop_after_the_last() -> None:
        while len(bench.bus.published) < 2 * AT_ONCE + 1:
            await asyncio.sleep(0.01)
        lifecycle.stop()

    async with asyncio.timeout(30):
        await asyncio.gather(
            release_regularly(bench.releaser, lifecycle, every=timedelta(hours=1)), stop_after_the_last()
        )

    assert len({mail.source_id for _, mail in bench.bus.published}) == 2 * AT_ONCE + 1


async def test_releasing_survives_that_the_records_are_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lifecycle = Lifecycle(Heartbeat(None))
    tries = 0

    async def away(*_: object) -> None:
        nonlocal tries
        tries += 1
        if tries == 2:
            lifecycle.stop()
        raise TemporaryFailure("records: away")

    monkeypatch.setattr(type(bench.records.entries), "claim", away)

    async with asyncio.timeout(30):
        await release_regularly(bench.releaser, lifecycle, every=timedelta(milliseconds=1))

    assert "releases are put off: records: away" in caplog.text
