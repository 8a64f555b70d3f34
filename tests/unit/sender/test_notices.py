from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.message import Message

import pytest

from gateway.domain.journey import Answer, RecipientReply
from gateway.domain.mail import BodyRef, Mail, Notify, Recipient, Return
from gateway.domain.template import compile_template
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
from tests.support.mails import NOON, a_mail, an_envelope

SITE = Site("gw.example", "postmaster@gw.example", compile_template("%SUBJECT%: %RECPT_ADDR%\n"))
HEADER = b"Subject: =?utf-8?q?caf=C3=A9?=\r\nX-Raw: \xe9\r\n\r\n"


def a_fate(
    answer: Answer = Answer.REFUSED,
    *,
    notify: tuple[Notify, ...] = (),
    original: str = "",
    confirmed: bool = False,
    text: str = "no such user",
) -> Fate:
    code, enhanced = (550, "5.1.1") if answer is Answer.REFUSED else (250, "2.1.5")
    reply = RecipientReply("bob@b.example", answer, "mx.b.example [192.0.2.9]", code, enhanced, text)
    return Fate(Recipient("bob@b.example", notify, original), reply, confirmed)


def reported(mail: Mail, *fates: Fate) -> Message:
    made = report(mail, fates, HEADER, SITE, "NoTiCeId12345", NOON)
    return message_from_bytes(made.before + HEADER + made.after)


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
    ],
)
def test_the_sender_hears_what_it_asked_for(
    answer: Answer, notify: tuple[Notify, ...], confirmed: bool, told: bool
) -> None:
    fate = a_fate(answer, notify=notify, confirmed=confirmed)

    assert to_be_told(a_mail(), [fate]) == ((fate,) if told else ())


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


def test_a_notice_can_never_cause_another() -> None:
    made = notice(a_mail(), BodyRef("name", 10), SITE, "NoTiCeId12345", NOON)

    assert made.envelope.sender == ""
    assert made.envelope.recipients == (Recipient("sender@client.example", (Notify.NEVER,)),)
    assert made.source_id == "AbCdEfGh12345"
