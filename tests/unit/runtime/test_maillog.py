from __future__ import annotations

import logging
from collections import Counter as Tally
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain.errors import PermanentFailure
from gateway.domain.journey import Answer, RecipientReply
from gateway.domain.mail import BodyRef, Envelope, Mail, Notify, Recipient
from gateway.domain.pipeline import Stage
from gateway.domain.policy import ObjectStatus, SpamStatus
from gateway.domain.statistics import Counter, nobody_counts
from gateway.domain.storage import StorageEntry, StoredStatus
from gateway.runtime import maillog
from gateway.runtime.logs import ACTIVITY

ENVELOPE = Envelope(
    sender="a@sender.example",
    recipients=(Recipient("b@own.example"), Recipient("c@own.example")),
    client_ip="192.0.2.7",
    received_at=datetime(2006, 6, 1, tzinfo=UTC),
    helo="mail.sender.example",
)
MAIL = Mail(
    id="jHrWPC7s86253",
    source_id="iCMnF8AX05033",
    envelope=ENVELOPE,
    body=BodyRef("0" * 64 + "-iCMnF8AX05033", 1200),
    top=b"X: y\r\n",
)


@pytest.fixture(autouse=True)
def _activity(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(ACTIVITY, logger="gateway.mail")


def test_received_tells_who_sent_what(caplog: pytest.LogCaptureFixture) -> None:
    maillog.received(nobody_counts, "jHrWPC7s86253", ENVELOPE, 1200, "<1@sender.example>")

    assert caplog.messages == [
        "RECEIVED, from=<a@sender.example>, nrcpt=2, size=1200, client=[192.0.2.7],"
        " helo=<mail.sender.example>, message_id=<1@sender.example>, flags=E"
    ]
    assert caplog.records[0].__dict__["mail_id"] == "jHrWPC7s86253"


@pytest.mark.parametrize(
    ("envelope", "flags"),
    [
        (replace(ENVELOPE, protocol="SMTP"), ""),
        (replace(ENVELOPE, protocol="ESMTPS"), "E"),
        (replace(ENVELOPE, recipients=(Recipient("b@own.example", (Notify.NEVER,)),)), "ED"),
        (replace(ENVELOPE, envelope_id="QQ314159"), "ED"),
    ],
)
def test_flags_tell_of_esmtp_and_of_dsn(
    caplog: pytest.LogCaptureFixture, envelope: Envelope, flags: str
) -> None:
    maillog.received(nobody_counts, "jHrWPC7s86253", envelope, 1, "")

    assert caplog.messages[0].endswith(f"message_id=<>, flags={flags}")


def test_refused_tells_who_was_refused_and_by_which_rule(caplog: pytest.LogCaptureFixture) -> None:
    sender, recipient = "a@x.example", "b@own.example"
    maillog.refused(
        nobody_counts,
        (),
        "192.0.2.7",
        "access rule",
        sender=sender,
        recipient=recipient,
        rule='deny from "x" to *',
    )
    maillog.refused(nobody_counts, (), "192.0.2.7", "452 4.3.1 no room", helo="x.example", sender="")
    maillog.refused(nobody_counts, (), "192.0.2.7", "421 4.7.0 too many connections")

    assert caplog.messages == [
        "REFUSED, from=<a@x.example>, rcpt=<b@own.example>, client=[192.0.2.7],"
        ' reason="access rule", rule="deny from \'x\' to *"',
        'REFUSED, from=<>, client=[192.0.2.7], helo=<x.example>, reason="452 4.3.1 no room", rule=""',
        'REFUSED, client=[192.0.2.7], reason="421 4.7.0 too many connections", rule=""',
    ]


def test_what_a_refused_client_said_stays_on_one_short_line(caplog: pytest.LogCaptureFixture) -> None:
    maillog.refused(
        nobody_counts,
        (),
        "192.0.2.7",
        "x",
        helo="a\r\n[forged]",
        sender="b" * 5000,
        recipient='<c>, rule="d"',
    )

    assert caplog.messages == [
        f'REFUSED, from=<{"b" * 320}...>, rcpt=<?c?, rule="d">, client=[192.0.2.7], helo=<a??[forged]>,'
        ' reason="x", rule=""'
    ]


def test_mended_tells_what_was_wrong(caplog: pytest.LogCaptureFixture) -> None:
    maillog.mended(nobody_counts, "jHrWPC7s86253", ["NUL bytes", "bare line ends"])

    assert caplog.messages == ['MENDED, defects="NUL bytes, bare line ends"']


def test_splitted_names_each_domain_once(caplog: pytest.LogCaptureFixture) -> None:
    maillog.splitted(nobody_counts, MAIL)

    assert caplog.messages == ["SPLITTED, domain=<own.example>, nrcpt=2, srcid=iCMnF8AX05033"]


def test_scanned_lists_statuses_and_threats(caplog: pytest.LogCaptureFixture) -> None:
    maillog.scanned(MAIL, [ObjectStatus.INFECTED, SpamStatus.SPAM], ["Worm.A", "Worm.B"])

    assert caplog.messages == [
        'SCANNED, group=<policy>, nrcpt=2, status="infected, as/spam", srcid=iCMnF8AX05033,'
        ' names="Worm.A, Worm.B"'
    ]


def test_created_tells_for_whom(caplog: pytest.LogCaptureFixture) -> None:
    maillog.created(nobody_counts, Counter.DSN_GENERATED, MAIL, "admin")

    assert caplog.messages == ["CREATED, notify=<admin>, nrcpt=2, size=1206, srcid=iCMnF8AX05033"]


@pytest.mark.parametrize(("answer", "status"), [(Answer.DELIVERED, "sent"), (Answer.REFUSED, "failed")])
def test_delivered_tells_whether_it_was_sent(
    caplog: pytest.LogCaptureFixture, answer: Answer, status: str
) -> None:
    maillog.delivered(
        nobody_counts, MAIL, RecipientReply("b@own.example", answer, "mx.own.example [192.0.2.9]")
    )

    assert caplog.messages == [
        f"DELIVERED, rcpt=<b@own.example>, server=mx.own.example [192.0.2.9], size=1206, status={status}"
    ]


def test_deferred_quotes_what_the_next_hop_said(caplog: pytest.LogCaptureFixture) -> None:
    reply = RecipientReply("b@own.example", Answer.LATER, "mx [192.0.2.9]", 451, "4.7.1", 'try\r\n"later"')

    maillog.deferred(nobody_counts, MAIL, reply)

    assert caplog.messages == [
        "DEFERRED, rcpt=<b@own.example>, server=mx [192.0.2.9], size=1206, reply=\"451 4.7.1 try??'later'\""
    ]


def test_blocked_names_each_recipient(caplog: pytest.LogCaptureFixture) -> None:
    maillog.blocked(nobody_counts, MAIL)

    assert caplog.messages == [
        "BLOCKED, rcpt=b@own.example, size=1206",
        "BLOCKED, rcpt=c@own.example, size=1206",
    ]


@pytest.mark.parametrize(("error", "traceback"), [(KeyError("x"), True), (PermanentFailure("no"), False)])
def test_parked_is_an_error_with_the_traceback_of_a_fault(
    caplog: pytest.LogCaptureFixture, error: Exception, traceback: bool
) -> None:
    maillog.parked(nobody_counts, MAIL, Stage.SCANNER, error)

    assert caplog.records[0].levelno == logging.ERROR
    assert caplog.messages[0].startswith("PARKED, stage=scanner, srcid=iCMnF8AX05033, reason=")
    assert bool(caplog.records[0].exc_info) is traceback


def test_a_client_can_neither_end_the_line_nor_fake_a_field(caplog: pytest.LogCaptureFixture) -> None:
    hostile = replace(ENVELOPE, sender="x>, nrcpt=9\r\n[F]: y%s", helo="h" * 5000)

    maillog.received(nobody_counts, "jHrWPC7s86253", hostile, 1, "m")

    assert caplog.messages[0].startswith("RECEIVED, from=<x?, nrcpt=9??[F]: y%s>, nrcpt=2,")
    assert len(caplog.messages[0]) < 1000


def test_each_event_is_counted_as_often_as_it_is_told() -> None:
    counted = Tally[str]()

    def count(counter: Counter, by: int = 1, /) -> None:
        counted[counter] += by

    entry = StorageEntry(
        storage="/archive",
        mail=MAIL,
        status=StoredStatus.SENT,
        size=1,
        preface=0,
        stored_at=ENVELOPE.received_at,
    )
    maillog.received(count, "jHrWPC7s86253", ENVELOPE, 1200, "")
    maillog.mended(count, "jHrWPC7s86253", ["NUL bytes"])
    maillog.refused(count, (Counter.RECEIVINGS_REFUSED, Counter.REFUSED_FOR_SPF), "192.0.2.7", "550 no")
    maillog.splitted(count, MAIL)
    maillog.stored(count, entry)
    maillog.released(count, MAIL, entry)
    maillog.created(count, Counter.NOTICES_TO_ADMIN, MAIL, "admin")
    for answer in (Answer.DELIVERED, Answer.REFUSED):
        maillog.delivered(count, MAIL, RecipientReply("b@own.example", answer, "mx"))
    maillog.deferred(count, MAIL, RecipientReply("b@own.example", Answer.LATER, "mx"))
    maillog.blocked(count, MAIL)
    maillog.parked(count, MAIL, Stage.SCANNER, PermanentFailure("no"))

    assert counted == {
        Counter.RECEIVED_MESSAGES: 1,
        Counter.RECEIVED_BYTES: 1200,
        Counter.RECEIVED_RECIPIENTS: 2,
        Counter.MALFORMED_MESSAGES: 1,
        Counter.RECEIVINGS_REFUSED: 1,
        Counter.REFUSED_FOR_SPF: 1,
        Counter.SPLIT_COPIES: 1,
        Counter.STORED_COPIES: 1,
        Counter.RELEASED_COPIES: 1,
        Counter.NOTICES_TO_ADMIN: 1,
        Counter.SENT_RECIPIENTS: 1,
        Counter.FAILED_RECIPIENTS: 1,
        Counter.DEFERRED_RECIPIENTS: 1,
        Counter.BLOCKED_RECIPIENTS: 2,
        Counter.SCANNER_PARKED: 1,
    }


def test_nothing_is_written_below_activity(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="gateway.mail")
    counted: list[Counter] = []

    maillog.blocked(counted.append, MAIL)

    assert caplog.messages == []
    assert counted == [Counter.BLOCKED_RECIPIENTS] * 2
