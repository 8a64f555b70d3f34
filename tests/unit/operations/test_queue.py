from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.bus import wire
from gateway.bus.memory import MemoryBus
from gateway.domain.commands import Remove, TryAgain
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Deferred, Ended, Ending, Entered, Moved
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage
from gateway.operations import queue as operations
from gateway.operations.queue import (
    Done,
    Wanted,
    all_queued,
    cursor_of,
    list_queue,
    place_of,
    remove_mail,
    remove_mails,
    send_mail,
    send_mails,
)
from gateway.records.port import MailRecord, QueuePlace, Records
from gateway.records.sqlite import open_sqlite
from tests.support.mails import NOON, a_mail
from tests.support.records import A_MAIL, ReadRecords

HOUR = timedelta(hours=1)


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    records = await open_sqlite(tmp_path / "records.sqlite")
    yield records
    await records.close()


def mails(count: int) -> list[MailRecord]:
    # Two arrive at the same time, always.
    return [
        replace(A_MAIL, id=f"mail{n}", received_at=A_MAIL.received_at + timedelta(seconds=n // 2))
        for n in range(count)
    ]


async def in_state(records: Records, mail_id: str, state: str) -> Mail:
    mail = a_mail(mail_id)
    await records.keep(Entered(mail, "sender", NOON), Moved(mail_id, NOON + HOUR, state))
    return mail


async def deferred(records: Records, mail_id: str, for_: timedelta = HOUR, attempts: int = 1) -> Mail:
    """A mail that waits for its next try since noon."""
    mail = replace(a_mail(mail_id), attempts=attempts)
    waits = Deferred(mail_id, NOON, NOON + for_, "greylisted", attempts, copy=wire.encode(mail))
    await records.keep(Entered(mail, "sender", NOON - HOUR), waits)
    return mail


async def ready(bus: MemoryBus) -> list[Mail]:
    count = (await bus.depth())[Stage.SENDER]
    async with bus.consume(Stage.SENDER, count + 1) as deliveries:
        return [(await anext(deliveries)).mail for _ in range(count)]


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 100])
async def test_pages_show_each_mail_once_and_in_order(size: int) -> None:
    records = ReadRecords(mails(7))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await list_queue(records, Wanted(), cursor=cursor, most=size)
        seen += [mail.id for mail in page.mails]
        cursor = page.next

    assert seen == [f"mail{n}" for n in range(7)]


async def test_mail_that_left_moves_no_other_to_another_page() -> None:
    records = ReadRecords(mails(6))
    first = await list_queue(records, Wanted(), most=3)
    del records.mails[0:3]
    second = await list_queue(records, Wanted(), cursor=first.next or "", most=3)

    assert [mail.id for mail in second.mails] == ["mail3", "mail4", "mail5"]


async def test_a_filter_that_finds_little_makes_short_pages_not_long_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operations, "MOST_LOOKED_AT", 3)
    records = ReadRecords([*mails(7), replace(A_MAIL, id="last", sender="x@rare.example", received_at=NOON)])
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await list_queue(records, Wanted(senders=("*@rare.example",)), cursor=cursor)
        pages.append([mail.id for mail in page.mails])
        cursor = page.next

    assert pages == [[], [], ["last"]]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), ["early", "late", "bounce"]),
        (Wanted(states=frozenset({"QUE"})), ["late"]),
        (Wanted(senders=("a@*",)), ["early"]),
        (Wanted(senders=("A@SENDER.example", "")), ["early", "bounce"]),
        (Wanted(recipients=("*.c@own.example",)), ["early"]),
        (Wanted(destinations=("other.*",)), ["late"]),
        (Wanted(destinations=("own.example",), senders=("b@sender.example",)), ["late"]),
        (Wanted(since=NOON + HOUR), ["late", "bounce"]),
        (Wanted(until=NOON + HOUR), ["early", "late"]),
        (Wanted(since=NOON + HOUR, until=NOON + HOUR), ["late"]),
        (Wanted(senders=("nobody@*",)), []),
    ],
)
async def test_mail_is_found_by_all_that_is_said_of_it(wanted: Wanted, found: list[str]) -> None:
    early = replace(A_MAIL, id="early", recipients=("b@own.example", "d.c@own.example"), received_at=NOON)
    late = replace(
        early,
        id="late",
        sender="b@sender.example",
        recipients=("b@own.example", "b@other.example"),
        state="QUE",
        received_at=NOON + HOUR,
    )
    bounce = replace(
        early, id="bounce", sender="", recipients=("e@own.example",), received_at=NOON + 2 * HOUR
    )
    records = ReadRecords([late, bounce, early, replace(A_MAIL, id="gone", state="blocked")])

    listed = [mail.id async for mail in all_queued(records, wanted)]
    page = await list_queue(records, wanted)

    assert listed == found
    assert [mail.id for mail in page.mails] == found


def test_a_cursor_leads_back_to_its_place() -> None:
    assert place_of(cursor_of(A_MAIL)) == QueuePlace(A_MAIL.received_at, A_MAIL.id)


@pytest.mark.parametrize("cursor", ["x", "é", "====", "MjAyNi0wMS0wNQ==", "MjAyNi0wMS0wNSBhYg==", "gICA"])
def test_a_text_that_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        place_of(cursor)


@pytest.mark.parametrize(
    ("state", "can_be_removed", "can_be_sent"),
    [
        ("WFC", True, False),
        ("CHK", False, False),
        ("WFS", True, False),
        ("SPL", False, False),
        ("QUE", True, True),
        ("SND", False, False),
    ],
)
async def test_what_can_be_done_depends_on_the_state(
    records: Records, state: str, can_be_removed: bool, can_be_sent: bool
) -> None:
    await in_state(records, "one", state)
    bus = MemoryBus()
    as_it_was = await records.mail("one")

    assert await send_mail(bus, records, "one", NOON) == Done(as_it_was, can_be_sent)
    assert await remove_mail(bus, records, "one") == Done(as_it_was, can_be_removed)


async def test_what_is_not_known_can_be_neither_removed_nor_sent(records: Records) -> None:
    bus = MemoryBus()

    assert await remove_mail(bus, records, "nobody") == Done(None, done=False)
    assert await send_mail(bus, records, "nobody", NOON) == Done(None, done=False)


async def test_what_has_ended_can_be_neither_removed_nor_sent(records: Records) -> None:
    await records.keep(Entered(a_mail("one"), "sender", NOON), Ended("one", NOON, Ending.DELIVERED))
    bus = MemoryBus()

    removed, sent = await remove_mail(bus, records, "one"), await send_mail(bus, records, "one", NOON)

    assert (removed.done, sent.done) == (False, False)
    assert removed.mail
    assert removed.mail.state == Ending.DELIVERED


async def test_the_stages_before_the_sender_are_told_what_was_removed(records: Records) -> None:
    bus = MemoryBus()
    await in_state(records, "early", "WFC")
    await in_state(records, "late", "QUE")
    async with bus.commands() as commands:
        assert await anext(commands) is None
        assert await remove_mails(bus, records, Wanted()) == 2

        assert await anext(commands) == Remove(("early",))
    assert (await records.settled("late")).removed


async def test_what_was_removed_stays_so_when_nobody_can_be_told(records: Records) -> None:
    await in_state(records, "early", "WFC")

    removed = await remove_mail(DeadBus(), records, "early")

    assert removed.done
    assert (await records.settled("early")).removed


async def test_only_what_is_meant_is_removed(records: Records) -> None:
    for number in range(5):
        await in_state(records, f"mail{number}", "QUE" if number % 2 else "WFC")

    removed = await remove_mails(MemoryBus(), records, Wanted(states=frozenset({"QUE", "SND"})))

    assert removed == 2
    assert [mail.id async for mail in records.queue()] == ["mail0", "mail2", "mail4"]


async def test_mail_that_waits_is_published_anew_and_its_older_copy_is_not_wanted(records: Records) -> None:
    bus, mail = MemoryBus(), await deferred(records, "one", attempts=3)
    await bus.publish(Stage.SENDER, [a_mail("in line")])

    assert (await send_mail(bus, records, "one", NOON)).done

    assert await ready(bus) == [replace(mail, generation=1), a_mail("in line")]
    assert (await records.settled("one")).generation == 1


async def test_senders_are_told_to_try_hosts_that_they_gave_up_for_a_while(records: Records) -> None:
    bus = MemoryBus()
    await deferred(records, "one")
    async with bus.commands() as commands:
        assert await anext(commands) is None
        await send_mail(bus, records, "one", NOON)
        assert await anext(commands) == TryAgain()
        await send_mails(bus, records, Wanted(), lambda: NOON)
        assert await anext(commands) == TryAgain()


async def test_who_orders_it_twice_sends_it_once(records: Records) -> None:
    bus = MemoryBus()
    await deferred(records, "one")

    orders = [await send_mail(bus, records, "one", NOON) for _ in range(2)]

    assert [order.done for order in orders] == [True, True]
    assert len(await ready(bus)) == 1


@pytest.mark.parametrize("wait", [timedelta(seconds=4), timedelta(seconds=-1)])
async def test_what_comes_by_itself_in_a_moment_is_left_alone(records: Records, wait: timedelta) -> None:
    bus = MemoryBus()
    await deferred(records, "one", wait)

    assert (await send_mail(bus, records, "one", NOON)).done
    assert await ready(bus) == []


async def test_mail_that_cannot_be_published_waits_on_and_can_be_sent_later(records: Records) -> None:
    bus, mail = MemoryBus(), await deferred(records, "one")

    with pytest.raises(TemporaryFailure):
        await send_mail(DeadBus(), records, "one", NOON)

    assert await records.settled("one") == await records.settled("nobody")
    assert (await send_mail(bus, records, "one", NOON)).done
    assert await ready(bus) == [replace(mail, generation=1)]


async def test_all_that_waits_is_sent_page_by_page(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "AT_ONCE", 4)
    bus = MemoryBus()
    waiting = [await deferred(records, f"mail{number}") for number in range(10)]
    await in_state(records, "being sent", "SND")
    await in_state(records, "in line", "QUE")

    sent = await send_mails(bus, records, Wanted(), lambda: NOON)

    assert sent == 11
    assert await ready(bus) == [replace(mail, generation=1) for mail in waiting]


class DeadBus(MemoryBus):
    """Takes nothing."""

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        raise TemporaryFailure("the broker is away")

    async def tell(self, command: object) -> None:
        raise TemporaryFailure("the broker is away")
