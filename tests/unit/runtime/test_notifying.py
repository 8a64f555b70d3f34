from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.domain.mail import Mail
from gateway.domain.notice import Occasion
from gateway.domain.policy import ObjectStatus
from gateway.runtime.logs import ACTIVITY
from tests.support.mails import NOON, a_mail
from tests.support.notices import Permits, a_notifier
from tests.support.policies import a_policy

ALL = frozenset({ObjectStatus.INFECTED})
EVERYBODY = a_policy(notify_admin=ALL, notify_recipient=ALL, notify_sender=ALL)


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


async def an_occasion(
    blobs: MemoryBlobs,
    message: bytes = b"Subject: hi\r\n\r\nhello\r\n",
    *to: str,
    sender: str = "me@site.example",
) -> Occasion:
    writer = blobs.create("owner")
    await writer.write(message)
    mail: Mail = a_mail("AbCdEfGh12345", *to, body=await writer.commit())
    mail = replace(mail, envelope=replace(mail.envelope, sender=sender))
    return Occasion(mail=mail, policy=EVERYBODY, statuses=ALL, blocked=True)


async def test_administrator_recipients_and_sender_have_a_notice_each(
    blobs: MemoryBlobs, caplog: pytest.LogCaptureFixture
) -> None:
    occasion = await an_occasion(blobs, b"Subject: hi\r\n\r\nx\r\n", "a@site.example", "b@site.example")

    with caplog.at_level(ACTIVITY):
        notices = await a_notifier(blobs).tell(occasion, "scanner", NOON)

    told = [[to.address for to in notice.envelope.recipients] for notice in notices]
    assert told == [["admin@site.example"], ["a@site.example", "b@site.example"], ["me@site.example"]]
    assert all(notice.source_id == occasion.mail.id for notice in notices)
    assert [record.getMessage().split(", size")[0] for record in caplog.records] == [
        "CREATED, notify=<admin>, nrcpt=1",
        "CREATED, notify=<recipient>, nrcpt=2",
        "CREATED, notify=<sender>, nrcpt=1",
    ]
    assert b"Subject: hi\r\n" in await blobs.read(notices[0].body)


async def test_a_repeated_step_makes_the_same_notices(blobs: MemoryBlobs) -> None:
    occasion = await an_occasion(blobs)
    notifier = a_notifier(blobs, Permits(most=1))

    first, again = (
        await notifier.tell(occasion, "scanner", NOON),
        await notifier.tell(occasion, "scanner", NOON),
    )

    assert first == again
    assert len(first) == 3


async def test_stages_tell_of_a_mail_apart(blobs: MemoryBlobs) -> None:
    occasion = await an_occasion(blobs)
    notifier = a_notifier(blobs)

    ids = [
        notice.id
        for stage in ("antispam", "scanner")
        for notice in await notifier.tell(occasion, stage, NOON)
    ]

    assert len(set(ids)) == 6


async def test_whom_was_told_enough_is_left_out_and_others_are_not(
    blobs: MemoryBlobs, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = a_notifier(blobs, Permits(most=1))
    await notifier.tell(await an_occasion(blobs, b"x", "a@site.example"), "scanner", NOON)
    other = await an_occasion(blobs, b"y", "a@site.example", "b@site.example", sender="you@site.example")
    other = replace(other, mail=replace(other.mail, id="Other12345678"))

    notices = await notifier.tell(other, "scanner", NOON)

    told = [[to.address for to in notice.envelope.recipients] for notice in notices]
    assert told == [["b@site.example"], ["you@site.example"]]
    assert "a notice to a@site.example is left out" in caplog.text


async def test_nobody_is_told_about_a_notice(blobs: MemoryBlobs) -> None:
    message = b"Auto-Submitted: auto-generated\r\n\r\nx\r\n"

    assert await a_notifier(blobs).tell(await an_occasion(blobs, message, sender=""), "scanner", NOON) == ()


async def test_where_nobody_is_to_be_told_nothing_is_read(blobs: MemoryBlobs) -> None:
    occasion = replace(await an_occasion(blobs), policy=a_policy(), mail=a_mail())  # a body that is nowhere

    assert await a_notifier(blobs).tell(occasion, "scanner", NOON) == ()
