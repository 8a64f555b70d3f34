from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import cast

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.blobs.port import MissingBody
from gateway.dns.client import AresDns, Asking
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Answer, Ended, Ending, Entered, Event, Moved
from gateway.domain.mail import Edit, Mail, Notify, Recipient
from gateway.domain.pipeline import REPLACED, Finished, Later, Outcome
from gateway.domain.routes import Route
from gateway.domain.statistics import Counter
from gateway.domain.storage import Storage, StorageKind
from gateway.records.port import Records, Settled
from gateway.records.sqlite import open_sqlite
from gateway.runtime.templates import DSN, load_template
from services.sender.carrier import Carrier
from services.sender.connections import Connections, Limits
from services.sender.notices import Site
from services.sender.ourselves import Ourselves
from services.sender.protecting import Protector
from services.sender.reporter import Reporter
from services.sender.resolving import Resolver
from services.sender.routing import RoutingTable
from services.sender.security import TlsRules
from services.sender.worker import Rules, SenderWorker
from tests.support.mails import NOON, a_mail
from tests.support.sending import MESSAGE, meet
from tests.support.smtp_peer import HANG_UP, SmtpPeer, smtp_peer
from tests.support.storages import Shelf
from tests.support.waiting import until

BOB, EVE = "bob@b.example", "eve@c.example"


@dataclass
class Sender:
    """A sender with two next hops, `b.example` and `c.example`, and a clock that stands still."""

    b: SmtpPeer
    c: SmtpPeer
    blobs: MemoryBlobs
    records: Records
    folder: Path
    stack: AsyncExitStack
    now: datetime = NOON
    shelf: Shelf = field(default_factory=Shelf)

    def worker(
        self, records: Records | None = None, limits: Limits | None = None, patience: float = 30.0
    ) -> SenderWorker:
        dns = AresDns(Asking())
        connections = Connections(meet, limits or Limits(total=20, per_host=4))
        self.stack.push_async_callback(dns.close)
        self.stack.push_async_callback(connections.close)
        routes = (
            Route("*@b.example", self.b.host, self.b.port),
            Route("*@c.example", self.c.host, self.c.port),
            Route("*@nobody.example", "127.0.0.1", 1),
        )
        rules = Rules(
            routes=RoutingTable(routes),
            minimal_backoff=timedelta(minutes=30),
            maximal_backoff=timedelta(hours=6),
            lifetime=timedelta(days=5),
            delay_after=timedelta(hours=4),
        )
        site = Site("gw.example", "postmaster@gw.example", load_template("", DSN), rules.lifetime)
        return SenderWorker(
            Carrier(
                Resolver(dns, Ourselves("gw.example")),
                Protector(TlsRules()),
                connections,
                unreachable_ttl=600,
            ),
            self.blobs,
            records or self.records,
            rules,
            Reporter(self.blobs, site, lambda: self.now, count=(records or self.records).count),
            self.shelf.storages(self.blobs),
            Storage(StorageKind.OUTGOING, "/archive"),
            now=lambda: self.now,
            jitter=lambda: 0.0,
            patience=patience,
            pause=0.01,
        )

    async def mail(self, *recipients: str | Recipient, body: bytes = MESSAGE, **changes: object) -> Mail:
        """A mail whose body is stored, and which the records know."""
        writer = self.blobs.create("AbCdEfGh12345")
        await writer.write(body)
        mail = a_mail(body=await writer.commit())
        to = tuple(one if isinstance(one, Recipient) else Recipient(one) for one in recipients or (BOB,))
        mail = replace(mail, envelope=replace(mail.envelope, recipients=to, **changes))  # type: ignore[arg-type]
        self.records.note(Entered(mail, "sender", NOON))
        return mail

    async def dsn(self, outcome: Outcome) -> Message:
        """The one notice that came of a step."""
        (created,) = outcome.created
        assert created.envelope.sender == ""
        assert [to.address for to in created.envelope.recipients] == ["sender@client.example"]
        return message_from_bytes(await self.blobs.read(created.body))


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    async with smtp_peer() as b, smtp_peer() as c, AsyncExitStack() as stack:
        records = await open_sqlite(tmp_path / "records.sqlite")
        stack.push_async_callback(records.close)
        yield Sender(b, c, MemoryBlobs(), records, tmp_path, stack)


async def test_delivered_mail_is_finished(sender: Sender) -> None:
    mail = await sender.mail(BOB)

    outcome = await sender.worker().handle(mail)

    assert _ending(outcome) is Ending.DELIVERED
    assert outcome.created == ()
    assert sender.b.received[0].body == MESSAGE


async def test_of_two_copies_taken_at_once_one_is_delivered(sender: Sender) -> None:
    mail, worker = await sender.mail(BOB), sender.worker()

    outcomes = await asyncio.gather(worker.handle(mail), worker.handle(mail))

    assert [_ending(outcome) for outcome in outcomes] == [Ending.DELIVERED, Ending.DELIVERED]
    assert len(sender.b.received) == 1


async def test_what_was_added_and_changed_goes_out_with_the_rest_as_it_came(sender: Sender) -> None:
    mail = replace(
        await sender.mail(BOB), top=b"X-Mark: 1\r\n", edits=(Edit(9, 14, b"goodbye"), Edit(18, 19, b".."))
    )

    await sender.worker().handle(mail)

    assert sender.b.received[0].body == b"X-Mark: 1\r\n" + MESSAGE.replace(b"hello", b"goodbye").replace(
        b".dotted", b"..dotted"
    )


async def test_a_large_message_is_streamed_byte_for_byte(sender: Sender) -> None:
    body = b"Subject: large\r\n\r\n" + b".line\r\n" * 100_000

    await sender.worker().handle(await sender.mail(BOB, body=body))

    assert sender.b.received[0].body == body


async def test_recipients_of_one_destination_share_a_transaction(sender: Sender) -> None:
    outcome = await sender.worker().handle(await sender.mail(BOB, EVE, "ben@b.example"))

    assert _ending(outcome) is Ending.DELIVERED
    assert [received.rcpt_to for received in sender.b.received] == [
        (f"RCPT TO:<{BOB}>", "RCPT TO:<ben@b.example>")
    ]
    assert [received.rcpt_to for received in sender.c.received] == [(f"RCPT TO:<{EVE}>",)]


async def test_what_has_to_wait_is_tried_later_for_those_recipients_alone(sender: Sender) -> None:
    sender.b.answers["RCPT"] = "451 4.7.1 greylisted"

    outcome = await sender.worker().handle(await sender.mail(BOB, EVE))

    assert isinstance(outcome, Later)
    assert [to.address for to in outcome.mail.envelope.recipients] == [BOB]
    assert outcome.mail.attempts == 1
    assert outcome.delay == timedelta(minutes=30)
    assert outcome.reason == "127.0.0.1 [127.0.0.1] 451 greylisted"
    assert outcome.created == ()


async def test_waits_grow_with_the_tries(sender: Sender) -> None:
    sender.b.answers["RCPT"] = "451 4.7.1 greylisted"
    mail = replace(await sender.mail(BOB), attempts=2)

    outcome = await sender.worker().handle(mail)

    assert isinstance(outcome, Later)
    assert outcome.mail.attempts == 3
    assert outcome.delay == timedelta(minutes=30) * 4 * 0.8


async def test_an_unreachable_host_makes_mail_wait(sender: Sender) -> None:
    outcome = await sender.worker().handle(await sender.mail("user@nobody.example"))

    assert isinstance(outcome, Later)
    assert "no connection" in outcome.reason


async def test_an_unreachable_host_is_not_asked_again_meanwhile(sender: Sender) -> None:
    sender.b.answers["greeting"] = HANG_UP
    worker = sender.worker()
    await worker.handle(await sender.mail(BOB))
    sender.b.answers.clear()

    outcome = await worker.handle(await sender.mail(BOB))

    assert isinstance(outcome, Later)
    assert outcome.reason.startswith("127.0.0.1 [127.0.0.1] not tried again so soon")
    assert sender.b.sessions == 1


async def test_the_last_try_is_when_the_time_is_over(sender: Sender) -> None:
    sender.b.answers["RCPT"] = "451 4.7.1 greylisted"
    sender.now = NOON + timedelta(days=5, minutes=-10)

    outcome = await sender.worker().handle(await sender.mail(BOB))

    assert isinstance(outcome, Later)
    assert outcome.delay == timedelta(minutes=10)


async def test_a_refusal_ends_the_mail_and_tells_its_sender(sender: Sender) -> None:
    sender.b.answers["RCPT"] = "550 5.1.1 no such user"

    outcome = await sender.worker().handle(await sender.mail(BOB, EVE))

    assert _ending(outcome) is Ending.BOUNCED
    _, text, status, _, about_bob, returned, _ = (await sender.dsn(outcome)).walk()
    assert "bob@b.example (5.1.1)" in str(text)
    assert status.get_content_type() == "message/delivery-status"
    assert about_bob["Final-Recipient"] == "rfc822; bob@b.example"
    assert about_bob["Action"] == "failed"
    assert about_bob["Status"] == "5.1.1"
    assert about_bob["Diagnostic-Code"] == "smtp; 550 5.1.1 no such user"
    assert returned.get_content_type() == "message/rfc822"


async def test_one_refused_of_several_is_told_while_the_others_are_tried_on(sender: Sender) -> None:
    sender.b.answers |= {"RCPT": "451 4.7.1 greylisted", "RCPT TO:<gone": "550 5.1.1 gone"}
    outcome = await sender.worker().handle(await sender.mail(BOB, "gone@b.example"))

    assert isinstance(outcome, Later)
    assert [to.address for to in outcome.mail.envelope.recipients] == [BOB]
    assert "gone@b.example" in str(await sender.dsn(outcome))


async def test_mail_of_which_a_recipient_was_refused_earlier_ends_as_bounced(sender: Sender) -> None:
    sender.b.answers |= {"RCPT": "451 4.7.1 greylisted", "RCPT TO:<gone": "550 5.1.1 gone"}
    first = await sender.worker().handle(await sender.mail(BOB, "gone@b.example"))
    assert isinstance(first, Later)
    await sender.records.keep(*first.events)
    sender.b.answers.clear()

    outcome = await sender.worker().handle(first.mail)

    assert _ending(outcome) is Ending.BOUNCED
    assert len(sender.b.received) == 1


async def test_mail_that_waited_for_too_long_bounces(sender: Sender) -> None:
    sender.b.answers["RCPT"] = "451 4.7.1 greylisted"
    sender.now = NOON + timedelta(days=5)

    outcome = await sender.worker().handle(await sender.mail(BOB))

    assert _ending(outcome) is Ending.BOUNCED
    notice = str(await sender.dsn(outcome))
    assert "Status: 4.4.7" in notice
    assert "Diagnostic-Code: smtp; 451 4.7.1 greylisted" in notice


async def test_a_delay_is_told_to_who_asked_at_the_first_try_after_its_time_and_once(sender: Sender) -> None:
    sender.b.answers["RCPT"] = "451 4.7.1 greylisted"
    mail = await sender.mail(Recipient(BOB, (Notify.DELAY,)), "ben@b.example")
    soon = await sender.worker().handle(mail)
    assert isinstance(soon, Later)
    assert soon.created == ()

    sender.now = NOON + timedelta(hours=4)
    late = await sender.worker().handle(soon.mail)
    assert isinstance(late, Later)
    notice = str(await sender.dsn(late))
    assert "Action: delayed" in notice
    assert "Status: 4.7.1" in notice
    assert "Will-Retry-Until: Sat, 07 Mar 2026 12:00:00 +0000" in notice
    assert "ben@b.example" not in notice

    sender.now = NOON + timedelta(hours=8)
    later = await sender.worker().handle(late.mail)
    assert isinstance(later, Later)
    assert later.created == ()


async def test_a_delay_and_a_failure_of_one_try_share_a_notice(sender: Sender) -> None:
    sender.b.answers |= {"RCPT": "451 4.7.1 greylisted", "RCPT TO:<gone": "550 5.1.1 gone"}
    sender.now = NOON + timedelta(hours=4)

    outcome = await sender.worker().handle(
        await sender.mail(Recipient(BOB, (Notify.DELAY,)), "gone@b.example")
    )

    about = [part for part in (await sender.dsn(outcome)).walk() if part["Final-Recipient"]]
    assert [(part["Final-Recipient"], part["Action"]) for part in about] == [
        ("rfc822; gone@b.example", "failed"),
        (f"rfc822; {BOB}", "delayed"),
    ]


async def test_notices_about_other_recipients_are_other_notices(sender: Sender) -> None:
    sender.b.answers["RCPT"] = "550 5.1.1 no such user"
    first = await sender.worker().handle(await sender.mail(BOB))
    second = await sender.worker().handle(await sender.mail("ben@b.example"))

    assert first.created[0].id != second.created[0].id


@pytest.mark.parametrize(("mail_from", "notify"), [("", ()), ("sender@client.example", (Notify.NEVER,))])
async def test_who_wants_no_notice_gets_none(
    sender: Sender, mail_from: str, notify: tuple[Notify, ...]
) -> None:
    sender.b.answers["RCPT"] = "550 5.1.1 no such user"

    outcome = await sender.worker().handle(await sender.mail(Recipient(BOB, notify), sender=mail_from))

    assert _ending(outcome) is Ending.BOUNCED
    assert outcome.created == ()


async def test_success_is_told_when_the_next_hop_will_not(sender: Sender) -> None:
    sender.b.extensions = ("PIPELINING",)
    both = (Recipient(BOB, (Notify.SUCCESS,)), Recipient(EVE, (Notify.SUCCESS,)))

    outcome = await sender.worker().handle(await sender.mail(*both))

    notice = await sender.dsn(outcome)
    assert "Action: relayed" in str(notice)
    assert BOB in str(notice)
    assert EVE not in str(notice)
    assert [part.get_content_type() for part in notice.walk()][-1] == "text/rfc822-headers"


async def test_an_address_without_a_domain_is_refused(sender: Sender) -> None:
    outcome = await sender.worker().handle(await sender.mail("postmaster"))

    assert _ending(outcome) is Ending.BOUNCED
    assert "Status: 5.1.3" in str(await sender.dsn(outcome))


async def test_a_repeated_step_does_not_deliver_twice(sender: Sender) -> None:
    mail = await sender.mail(BOB, EVE)
    sender.b.answers["RCPT"] = "451 4.7.1 greylisted"
    await sender.worker().handle(mail)  # and the process dies before anybody carries out what it said
    sender.b.answers.clear()

    outcome = await sender.worker().handle(mail)

    assert _ending(outcome) is Ending.DELIVERED
    assert len(sender.b.received) == len(sender.c.received) == 1


async def test_a_repeated_step_tells_of_a_refusal_again_by_the_same_notice(sender: Sender) -> None:
    sender.b.answers["RCPT"] = "550 5.1.1 no such user"
    mail = await sender.mail(BOB, EVE)
    first = await sender.worker().handle(mail)

    second = await sender.worker().handle(mail)

    assert [created.id for created in second.created] == [created.id for created in first.created]
    assert len(sender.c.received) == 1


async def test_a_delivery_is_on_record_before_the_step_ends(sender: Sender) -> None:
    mail = await sender.mail(BOB)

    await sender.worker().handle(mail)

    assert await sender.records.settled(mail.id) == Settled({BOB: Answer.DELIVERED})


async def test_one_destination_that_crawls_does_not_keep_the_record_of_another(sender: Sender) -> None:
    sender.c.hold = asyncio.Event()
    mail = await sender.mail(BOB, EVE)
    step = asyncio.create_task(sender.worker().handle(mail))

    await sender.b.until_received(1)
    async with asyncio.timeout(10):
        while set((await sender.records.settled(mail.id)).answers) != {BOB}:
            await asyncio.sleep(0.01)
    sender.c.hold.set()

    assert _ending(await step) is Ending.DELIVERED


async def test_a_delivery_is_recorded_when_the_records_are_back_and_not_sent_again(sender: Sender) -> None:
    away = RecordsAwayAtFirst(sender.records, failures=3)

    outcome = await sender.worker(cast(Records, away)).handle(await sender.mail(BOB))

    assert _ending(outcome) is Ending.DELIVERED
    assert away.failures == 0
    assert len(sender.b.received) == 1


async def test_nothing_is_sent_while_nobody_knows_what_was_delivered(sender: Sender) -> None:
    worker = sender.worker(cast(Records, RecordsAwayAtFirst(sender.records, unread=10**9)), patience=0.05)
    mail = await sender.mail(BOB)
    with pytest.raises(TemporaryFailure):
        await worker.handle(mail)

    assert sender.b.sessions == 0


async def test_mail_in_hand_goes_on_as_soon_as_the_records_are_back(sender: Sender) -> None:
    away = RecordsAwayAtFirst(sender.records, unread=3)

    outcome = await sender.worker(cast(Records, away)).handle(await sender.mail(BOB))

    assert _ending(outcome) is Ending.DELIVERED
    assert away.unread == 0


async def test_mail_that_an_operator_removed_is_not_sent(sender: Sender) -> None:
    mail = await sender.mail(BOB)
    await sender.records.keep(Moved(mail.id, NOON, "QUE"))
    await sender.records.remove([mail.id])

    outcome = await sender.worker().handle(mail)

    assert _ending(outcome) is Ending.REMOVED
    assert sender.b.sessions == 0


async def test_of_mail_that_was_sent_early_the_older_copy_is_dropped(sender: Sender) -> None:
    older = await sender.mail(BOB)
    await sender.records.keep(Moved(older.id, NOON, "QUE"))
    await sender.records.hurry({older.id: 1})
    sender.b.answers["RCPT"] = "451 4.7.1 greylisted"
    newer = await sender.worker().handle(replace(older, generation=1))
    sender.b.answers.clear()

    outcome = await sender.worker().handle(older)

    assert isinstance(newer, Later)
    assert outcome == REPLACED
    assert sender.b.received == []


async def test_a_missing_body_is_a_fault_of_ours(sender: Sender) -> None:
    mail = await sender.mail(BOB)
    await sender.blobs.remove(mail.body.name)

    with pytest.raises(MissingBody):
        await sender.worker().handle(mail)

    assert sender.b.sessions == 0


async def test_mail_that_finds_no_free_connection_comes_again_soon_and_has_not_been_tried(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sender.lanes.LONGEST_QUEUE", 0.05)
    sender.b.hold = asyncio.Event()
    worker = sender.worker(limits=Limits(total=20, per_host=1))
    first = asyncio.create_task(worker.handle(await sender.mail(BOB)))
    await until(lambda: "DATA" in sender.b.commands)

    outcome = await worker.handle(replace(await sender.mail(BOB), id="SeCoNdMl12345"))
    sender.b.hold.set()
    await first

    assert isinstance(outcome, Later)
    assert outcome.mail.attempts == 0
    assert timedelta(seconds=1) <= outcome.delay < timedelta(minutes=1)


async def test_what_was_delivered_is_kept_in_the_outgoing_archive_as_it_went_out(sender: Sender) -> None:
    mail = replace(await sender.mail(BOB, EVE), top=b"X-Mark: 1\r\n")

    await sender.worker().handle(mail)

    [entry] = sender.shelf.kept
    assert (entry.id, entry.storage, entry.status) == (mail.id, "/archive", "SNT")
    assert sender.shelf.message(entry) == b"X-Mark: 1\r\n" + MESSAGE


async def test_what_was_not_delivered_is_not_in_the_archive(sender: Sender) -> None:
    sender.b.answers |= {"RCPT": "451 4.7.1 greylisted", "RCPT TO:<gone": "550 5.1.1 gone"}

    await sender.worker().handle(await sender.mail(BOB, "gone@b.example"))

    assert sender.shelf.kept == []


async def test_mail_of_several_tries_is_archived_once_with_all_its_recipients(sender: Sender) -> None:
    sender.b.answers["RCPT"] = "451 4.7.1 greylisted"
    mail = await sender.mail(BOB, EVE)
    first = await sender.worker().handle(mail)
    assert isinstance(first, Later)
    sender.b.answers.clear()

    await sender.worker().handle(first.mail)

    [entry] = sender.shelf.kept
    assert [to.address for to in entry.mail.envelope.recipients] == [BOB, EVE]


async def test_while_the_archive_is_full_nothing_ends_and_a_repeated_step_keeps_the_copy(
    sender: Sender,
) -> None:
    sender.shelf.place.full = True
    first = await sender.worker().handle(await sender.mail(BOB))
    assert isinstance(first, Later)
    assert (first.delay, first.reason) == (timedelta(seconds=30), "the outgoing archive cannot be written")
    sender.shelf.place.full = False

    outcome = await sender.worker().handle(first.mail)

    assert _ending(outcome) is Ending.DELIVERED
    assert len(sender.shelf.kept) == len(sender.b.received) == 1


async def test_a_full_archive_has_nobody_tried_more_often(sender: Sender) -> None:
    sender.b.answers |= {"RCPT": "451 4.7.1 greylisted", "RCPT TO:<gone": "550 5.1.1 gone"}
    sender.shelf.place.full = True
    first = await sender.worker().handle(await sender.mail(BOB, "gone@b.example", EVE))
    assert isinstance(first, Later)
    assert (first.delay, first.mail.attempts) == (timedelta(minutes=30), 1)
    await sender.records.keep(*first.events)
    sender.b.answers = {"RCPT TO:<gone": "550 5.1.1 gone"}
    sender.shelf.place.full = False

    outcome = await sender.worker().handle(first.mail)

    assert _ending(outcome) is Ending.BOUNCED
    assert outcome.created == ()  # the refusal was told already
    assert [len(sender.b.received), len(sender.c.received)] == [1, 1]
    [entry] = sender.shelf.kept
    assert {to.address for to in entry.mail.envelope.recipients} == {BOB, "gone@b.example", EVE}


async def test_what_was_sent_and_what_failed_is_counted(sender: Sender) -> None:
    sender.b.answers["RCPT TO:<gone"] = "550 5.1.1 gone"
    mail = await sender.mail(BOB, EVE, "gone@b.example")

    await sender.worker().handle(mail)
    await sender.worker().handle(await sender.mail("gone@b.example"))

    await sender.records.keep(Moved("other", NOON, "QUE"))  # and all that was counted before
    counted = await sender.records.statistics()
    names = (Counter.SENT_MESSAGES, Counter.SENT_BYTES, Counter.SENT_RECIPIENTS)
    assert [counted[name] for name in names] == [1, mail.size, 2]
    assert [counted[name] for name in (Counter.SENDINGS_FAILED, Counter.DSN_GENERATED)] == [2, 2]


async def test_the_log_says_what_became_of_each_recipient(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gateway.mail")
    sender.b.answers |= {"RCPT TO:<gone": "550 5.1.1 gone", "RCPT TO:<full": "452 4.2.2 full"}

    await sender.worker().handle(await sender.mail(BOB, "gone@b.example", "full@b.example"))

    lines = [record.getMessage() for record in caplog.records]
    assert any("DELIVERED, rcpt=<bob@b.example>" in line and "status=sent" in line for line in lines)
    assert any("DELIVERED, rcpt=<gone@b.example>" in line and "status=failed" in line for line in lines)
    assert any("DEFERRED, rcpt=<full@b.example>" in line for line in lines)
    assert any("CREATED, notify=<sender>" in line for line in lines)


class RecordsAwayAtFirst:
    """Records that cannot be written, or read, for so many times."""

    def __init__(self, records: Records, *, failures: int = 0, unread: int = 0) -> None:
        self._records = records
        self.failures = failures
        self.unread = unread

    async def keep(self, *events: Event) -> None:
        if self.failures:
            self.failures -= 1
            raise TemporaryFailure("the database is away")
        await self._records.keep(*events)

    async def settled(self, mail_id: str) -> Settled:
        if self.unread:
            self.unread -= 1
            raise TemporaryFailure("the database is away")
        return await self._records.settled(mail_id)

    def __getattr__(self, name: str) -> object:
        return getattr(self._records, name)


def _ending(outcome: Outcome) -> Ending:
    assert isinstance(outcome, Finished)
    (ended,) = (event for event in outcome.events if isinstance(event, Ended))
    return ended.ending
