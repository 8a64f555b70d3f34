from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import SMTP

import pytest

from gateway.domain.journey import Answer, RecipientReply
from gateway.domain.mail import BodyRef, Mail, Notify, Recipient, Return
from gateway.domain.template import compile_template
from gateway.runtime.templates import DSN, load_template
from services.sender.notices import (
    LARGEST_RETURNED,
    LONGEST_TEXT,
    Fate,
    Site,
    notice,
    report,
    returns_whole,
    to_be_told,
)
from services.sender.xtext import from_embedded
from tests.support.mails import NOON, a_mail, an_envelope

FIVE_DAYS = timedelta(days=5)
SITE = Site("gw.example", "postmaster@gw.example", compile_template("%SUBJECT%: %RECPT_ADDR%\n"), FIVE_DAYS)
SHIPPED = replace(SITE, template=load_template("", DSN))
HEADER = b"Subject: =?utf-8?q?caf=C3=A9?=\r\nX-Raw: \xe9\r\n\r\n"


def a_fate(
    answer: Answer = Answer.REFUSED,
    *,
    notify: tuple[Notify, ...] = (),
    original: str = "",
    confirmed: bool = False,
    final: bool = False,
    delay_told: bool = False,
    address: str = "bob@b.example",
    text: str = "no such user",
) -> Fate:
    code, enhanced = {
        Answer.REFUSED: (550, "5.1.1"),
        Answer.LATER: (451, "4.7.1"),
        Answer.DELIVERED: (250, "2.1.5"),
    }[answer]
    reply = RecipientReply(address, answer, "mx.b.example [192.0.2.9]", code, enhanced, text)
    return Fate(Recipient(address, notify, original, delay_told), reply, confirmed, final)


def reported(mail: Mail, *fates: Fate, site: Site = SITE) -> Message:
    made = report(mail, fates, HEADER, site, "NoTiCeId12345", NOON)
    return message_from_bytes(made.before + HEADER + made.after)


def types_of(message: Message) -> list[str]:
    """The types of the parts that a report has."""
    return [part.get_content_type() for part in message.get_payload() if isinstance(part, Message)]


def status_of(message: Message) -> tuple[Message, Message]:
    """The fields about the mail, and those about its first recipient."""
    parts = list(message.walk())
    place = next(at for at, part in enumerate(parts) if part.get_content_type() == "message/delivery-status")
    return parts[place + 1], parts[place + 2]


def test_a_report_is_addressed_to_the_sender_and_asks_for_no_answer() -> None:
    message = reported(a_mail(), a_fate())

    assert message["To"] == "<sender@client.example>"
    assert message["From"] == "Mail gateway <postmaster@gw.example>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert not message.defects


def test_a_report_says_of_which_mail_it_speaks() -> None:
    about_mail, _ = status_of(reported(a_mail(), a_fate()))

    assert about_mail["Reporting-MTA"] == "dns; gw.example"
    assert about_mail["Arrival-Date"] == "Mon, 02 Mar 2026 12:00:00 +0000"
    assert about_mail["Original-Envelope-Id"] is None


def test_what_the_sender_called_things_is_given_back_decoded() -> None:
    envelope = replace(an_envelope(), envelope_id="QQ+2B314")

    about_mail, about_bob = status_of(
        reported(a_mail(envelope=envelope), a_fate(original="rfc822;Bob+2Bx@old.example"))
    )

    assert about_mail["Original-Envelope-Id"] == "QQ+314"
    assert about_bob["Original-Recipient"] == "rfc822; Bob+x@old.example"


def test_encoded_line_ends_add_no_field() -> None:
    envelope = replace(an_envelope(), envelope_id="x+0D+0AStatus:+202.0.0")

    about_mail, _ = status_of(reported(a_mail(envelope=envelope), a_fate()))

    assert about_mail["Status"] is None
    assert about_mail["Original-Envelope-Id"] == "x Status: 2.0.0"


def test_the_answer_is_told_with_who_gave_it() -> None:
    _, about_bob = status_of(reported(a_mail(), a_fate()))

    assert about_bob["Final-Recipient"] == "rfc822; bob@b.example"
    assert about_bob["Action"] == "failed"
    assert about_bob["Status"] == "5.1.1"
    assert about_bob["Remote-MTA"] == "dns; mx.b.example"
    assert about_bob["Diagnostic-Code"] == "smtp; 550 5.1.1 no such user"


def test_a_long_answer_is_cut() -> None:
    _, about_bob = status_of(reported(a_mail(), a_fate(text="x" * 5000)))

    assert len(about_bob["Diagnostic-Code"]) == len("smtp; ") + LONGEST_TEXT


def test_the_text_is_for_people() -> None:
    text = list(reported(a_mail(), a_fate()).walk())[1]

    assert text.get_payload(decode=True) == "café: bob@b.example\r\n".encode()


@pytest.mark.parametrize(
    ("answer", "notify", "confirmed", "told"),
    [
        (Answer.REFUSED, (), False, True),
        (Answer.REFUSED, (Notify.FAILURE,), False, True),
        (Answer.REFUSED, (Notify.SUCCESS, Notify.DELAY), False, False),
        (Answer.REFUSED, (Notify.NEVER,), False, False),
        (Answer.DELIVERED, (), False, False),
        (Answer.DELIVERED, (Notify.SUCCESS,), False, True),
        (Answer.DELIVERED, (Notify.SUCCESS,), True, False),
        (Answer.DELIVERED, (Notify.FAILURE,), False, False),
        (Answer.LATER, (), False, False),
        (Answer.LATER, (Notify.DELAY,), False, True),
        (Answer.LATER, (Notify.SUCCESS, Notify.FAILURE), False, False),
    ],
)
def test_the_sender_hears_what_it_asked_for(
    answer: Answer, notify: tuple[Notify, ...], confirmed: bool, told: bool
) -> None:
    fate = a_fate(answer, notify=notify, confirmed=confirmed)

    assert to_be_told(a_mail(), [fate]) == ((fate,) if told else ())


@pytest.mark.parametrize(
    ("notify", "told"),
    [((), True), ((Notify.DELAY,), True), ((Notify.FAILURE,), False), ((Notify.NEVER,), False)],
)
def test_of_delays_those_may_hear_too_who_said_nothing(notify: tuple[Notify, ...], told: bool) -> None:
    fate = a_fate(Answer.LATER, notify=notify)

    assert bool(to_be_told(a_mail(), [fate], delays_unasked=True)) is told


def test_of_a_delay_a_sender_hears_once() -> None:
    fate = a_fate(Answer.LATER, notify=(Notify.DELAY,), delay_told=True)

    assert to_be_told(a_mail(), [fate], delays_unasked=True) == ()


@pytest.mark.parametrize(
    ("fate", "action", "status", "subject"),
    [
        (a_fate(Answer.REFUSED), "failed", "5.1.1", "Your message could not be delivered"),
        (a_fate(Answer.LATER), "delayed", "4.7.1", "Your message is delayed"),
        (a_fate(Answer.DELIVERED), "relayed", "2.1.5", "Your message was passed on"),
        (a_fate(Answer.DELIVERED, final=True), "delivered", "2.1.5", "Your message was delivered"),
    ],
)
def test_each_fate_has_its_word(fate: Fate, action: str, status: str, subject: str) -> None:
    message = reported(a_mail(), fate, site=SHIPPED)

    _, about_bob = status_of(message)
    assert (about_bob["Action"], about_bob["Status"]) == (action, status)
    assert message["Subject"] == subject
    text = list(message.walk())[1].get_payload(decode=True)
    assert isinstance(text, bytes)
    assert b"bob@b.example" in text


@pytest.mark.parametrize(("answer", "status"), [(Answer.REFUSED, "5.0.0"), (Answer.LATER, "4.0.0")])
def test_a_status_is_given_where_the_answer_has_none(answer: Answer, status: str) -> None:
    fate = a_fate(answer)
    fate = replace(fate, reply=replace(fate.reply, enhanced=""))

    assert fate.status == status


def test_who_waits_is_told_until_when_it_is_tried() -> None:
    message = reported(a_mail(), a_fate(Answer.LATER), a_fate(Answer.REFUSED), site=SHIPPED)

    about = [part for part in message.walk() if part["Final-Recipient"]]
    assert [part["Will-Retry-Until"] for part in about] == ["Sat, 07 Mar 2026 12:00:00 +0000", None]
    assert message["Subject"] == "Your message could not be delivered"  # the worst of what it tells
    assert b"it is tried again until\r\nSat, 07 Mar 2026" in message.as_bytes(policy=SMTP)


def test_mail_with_utf8_is_reported_in_the_types_that_hold_it() -> None:
    mail = a_mail(envelope=replace(an_envelope("bóß@b.example"), utf8=True))
    fate = a_fate(address="bóß@b.example", original="utf-8;b\\x{F3}\\x{DF}@old.example")

    assert types_of(reported(mail, fate)) == [
        "text/plain",
        "message/global-delivery-status",
        "message/global",
    ]
    raw = report(mail, [fate], HEADER, SITE, "NoTiCeId12345", NOON).before.decode()
    assert "Final-Recipient: utf-8; bóß@b.example\r\n" in raw
    assert "Original-Recipient: utf-8; bóß@old.example\r\n" in raw
    assert "Action: failed\r\n" in raw


def test_of_mail_with_utf8_only_the_header_may_go_back() -> None:
    mail = a_mail(envelope=replace(an_envelope(), utf8=True, returns=Return.HDRS))

    assert types_of(reported(mail, a_fate()))[-1] == "message/global-headers"


def test_the_status_of_other_mail_is_plain_ascii() -> None:
    fate = a_fate(original="utf-8;b\\x{F3}@old.example", text="gibt’s nicht")

    raw = report(a_mail(), [fate], HEADER, SITE, "NoTiCeId12345", NOON).before

    status = raw.partition(b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: 7bit\r\n")[2]
    status = status.partition(b"--report-")[0]
    assert status.isascii()
    assert b"Original-Recipient: utf-8; b\\x{F3}@old.example\r\n" in status
    assert b"gibt?s nicht" in status


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("b\\x{F3}b@b.example", "bób@b.example"),
        ("\\x{1F600}@b.example", "😀@b.example"),
        ("\\x{D800}\\x{FFFFFF}", "\ufffd\ufffd"),
        ("\\x{}\\x{f3}\\xF3", "\\x{}\\x{f3}\\xF3"),
        ("schon@ó.example", "schon@ó.example"),
    ],
)
def test_embedded_characters_are_decoded_where_they_are_right(given: str, text: str) -> None:
    assert from_embedded(given) == text


def test_the_null_sender_never_hears_anything() -> None:
    mail = a_mail(envelope=an_envelope(sender=""))

    assert to_be_told(mail, [a_fate()]) == ()


@pytest.mark.parametrize(
    ("returns", "size", "answer", "whole"),
    [
        (None, 100, Answer.REFUSED, True),
        (Return.FULL, 100, Answer.REFUSED, True),
        (Return.HDRS, 100, Answer.REFUSED, False),
        (Return.FULL, LARGEST_RETURNED + 1, Answer.REFUSED, False),
        (Return.FULL, 100, Answer.DELIVERED, False),
    ],
)
def test_the_message_goes_back_when_it_failed_and_is_not_too_large(
    returns: Return | None, size: int, answer: Answer, whole: bool
) -> None:
    mail = a_mail(body=BodyRef("name", size), envelope=replace(an_envelope(), returns=returns))

    assert returns_whole(mail, [a_fate(answer)]) is whole


def test_what_was_too_large_does_not_go_back() -> None:
    fate = a_fate()
    fate = replace(fate, reply=replace(fate.reply, code=552, enhanced="5.3.4"))

    assert not returns_whole(a_mail(), [fate, a_fate()])


def test_a_notice_can_never_cause_another() -> None:
    made = notice(a_mail(), BodyRef("name", 10), SITE, "NoTiCeId12345", NOON)

    assert made.envelope.sender == ""
    assert made.envelope.recipients == (Recipient("sender@client.example", (Notify.NEVER,)),)
    assert made.source_id == "AbCdEfGh12345"
