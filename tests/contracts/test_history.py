"""What the records promise to who looks for mail and follows what happens, asked of both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.domain.journey import Ended, Ending, Entered, Moved
from gateway.domain.mail import Envelope, Mail, Recipient
from gateway.domain.statistics import Counter, Peak
from gateway.records import history
from gateway.records.history import Period, Sought, StepPlace
from gateway.records.port import QueuePlace
from gateway.records.sql import SqlRecords
from tests.support.mails import NOON, a_mail, an_envelope

EVERYTHING = Sought()
TABLES = "mails, events, counts"


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def mail(mail_id: str, minutes: float = 0, envelope: Envelope | None = None, **changes: object) -> Mail:
    envelope = replace(envelope or an_envelope(), received_at=after(minutes))
    return a_mail(mail_id, envelope=envelope, **changes)


async def keep(records: SqlRecords, *mails: Mail) -> None:
    await records.keep(*(Entered(one, "antispam", one.envelope.received_at) for one in mails))


async def found(records: SqlRecords, sought: Sought, behind: QueuePlace | None = None) -> list[str]:
    return [mail.id for mail in (await records.history.search(sought, behind, 100)).mails]


async def test_mail_is_found_newest_first_page_by_page(records: SqlRecords) -> None:
    await keep(records, mail("a", 1), mail("b", 3), mail("c", 2), mail("d", 3))

    first = await records.history.search(EVERYTHING, None, 3)
    second = await records.history.search(EVERYTHING, first.next, 3)

    assert [one.id for one in first.mails] == ["d", "b", "c"]
    assert [one.id for one in second.mails] == ["a"]
    assert second.next is None


@pytest.mark.parametrize(
    ("sought", "ids"),
    [
        (Sought(senders=("*@CLIENT.example",)), ["c", "b", "a"]),
        (Sought(senders=("",)), ["d"]),
        (Sought(recipients=("z?e@site.example",)), ["b"]),
        (Sought(recipients=("*@site.example",), senders=("",)), ["d"]),
        (Sought(subjects=("*100%*",)), ["b"]),
        (Sought(subjects=("*invoice*", "приВЕТ")), ["c", "a"]),
        (Sought(subjects=("",)), ["d"]),
        (Sought(client_ips=("198.51.*",)), ["b"]),
        (Sought(message_id="<m-c@client.example>"), ["c"]),
        (Sought(message_id="m-c@client.example", since=after(4)), []),
        (Sought(states=frozenset({"delivered"})), ["a"]),
        (Sought(since=after(2), until=after(3)), ["c", "b"]),
        (Sought(senders=('"', "%", "\\", "_")), []),
        (Sought(recipients=('"q\\"@site.example',)), ["c"]),
    ],
    ids=str,
)
async def test_mail_is_found_by_what_is_known_of_it(
    records: SqlRecords, sought: Sought, ids: list[str]
) -> None:
    odd = Recipient('"q\\"@site.example')
    await keep(
        records,
        mail("a", 1, subject="Your INVOICE", message_id="<m-a@client.example>"),
        mail("b", 2, replace(an_envelope("zoe@site.example"), client_ip="198.51.100.9"), subject="100% sure"),
        mail(
            "c",
            3,
            replace(an_envelope(), recipients=(odd,)),
            subject="Привет",
            message_id="<m-c@client.example>",
        ),
        mail("d", 4, an_envelope(sender="")),
    )
    await records.keep(Ended("a", after(5), Ending.DELIVERED))

    assert await found(records, sought) == ids


async def test_a_search_that_finds_little_looks_at_so_many_and_says_where_to_go_on(
    records: SqlRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOKED_AT", 3)
    await keep(records, *(mail(name, number) for number, name in enumerate("abcdefg")))
    await keep(records, mail("rare", -1, an_envelope(sender="rare@client.example")))
    pages, place = [], None

    for _ in range(3):
        page = await records.history.search(Sought(senders=("rare@*",)), place, 100)
        pages.append([one.id for one in page.mails])
        place = page.next

    assert pages == [[], [], ["rare"]]
    assert place is None


async def test_mail_that_was_made_of_a_message_is_told(records: SqlRecords) -> None:
    await keep(records, mail("a"), mail("b", source_id="a"), mail("c", source_id="c"))

    assert [one.id for one in await records.history.copies("a")] == ["b"]


async def test_events_are_told_in_the_order_of_time_behind_a_place(records: SqlRecords) -> None:
    await keep(records, mail("b", 2), mail("a", 1))
    await records.keep(Ended("a", after(3), Ending.DELIVERED), Moved("b", after(4), "QUE"))

    steps = await records.history.steps(StepPlace(after(0)), after(3), 10)
    behind = await records.history.steps(steps[0].place, after(3), 1)

    assert [(one.place.mail_id, one.step.kind) for one in steps] == [
        ("a", "Entered"),
        ("b", "Entered"),
        ("a", "Ended"),
    ]
    assert behind == steps[1:2]


async def test_statistics_are_told_by_hour_and_by_day(records: SqlRecords) -> None:
    hours_passed = [0]
    counting = SqlRecords(records.database, clock=lambda: hours_passed[0] * 3600.0)
    for hours_passed[0], by, most in ((0, 2, 5), (1, 3, 9), (24, 4, 1)):
        counting.count(Counter.SENT_MESSAGES, by)
        counting.reach(Peak.INCOMING_CONNECTIONS, most)
        await counting.keep()
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

    days = await records.history.counted(epoch, epoch + timedelta(days=2), 24)
    hours = await records.history.counted(epoch + timedelta(hours=1), epoch + timedelta(hours=2), 1)

    assert days == [
        Period(epoch, {Counter.SENT_MESSAGES: 5, Peak.INCOMING_CONNECTIONS: 9}),
        Period(epoch + timedelta(days=1), {Counter.SENT_MESSAGES: 4, Peak.INCOMING_CONNECTIONS: 1}),
    ]
    assert [(one.begins, one.counters[Counter.SENT_MESSAGES]) for one in hours] == [
        (epoch + timedelta(hours=1), 3)
    ]
    await counting.close()
