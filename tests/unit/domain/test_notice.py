from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email import policy as email_policy

import pytest

from gateway.domain.authentication import Authentication, Dmarc, Result, Spf
from gateway.domain.journey import ScannedObject
from gateway.domain.mail import Mail
from gateway.domain.notice import (
    Addressee,
    Occasion,
    addressees,
    addresses,
    is_notice,
    macros,
    notice_content,
    notice_mail,
)
from gateway.domain.policy import ObjectAction, ObjectStatus, Policy, SpamStatus
from gateway.domain.template import compile_template
from gateway.runtime.templates import NOTIFY, load_template
from tests.support.mails import NOON, a_mail
from tests.support.notices import TELLER
from tests.support.policies import a_policy

INFECTED, CLEAN, ERROR = ObjectStatus.INFECTED, ObjectStatus.CLEAN, ObjectStatus.ERROR
ADMIN, RECIPIENT, SENDER = Addressee.ADMIN, Addressee.RECIPIENT, Addressee.SENDER
HEADER = b"From: a@client.example\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n\r\n"
SHIPPED = load_template("", NOTIFY)


def an_object(
    name: str = "a.exe",
    status: ObjectStatus = INFECTED,
    threats: tuple[str, ...] = ("EICAR",),
    cause: str = "",
) -> ScannedObject:
    return ScannedObject("2", name, "x/y", 5, status, ObjectAction.REMOVE, threats, cause)


def an_occasion(policy: Policy | None = None, mail: Mail | None = None, *objects: ScannedObject) -> Occasion:
    seen = objects or (an_object("hello.txt", CLEAN, ()), an_object())
    return Occasion(
        mail=mail or a_mail(),
        policy=policy or a_policy(),
        statuses=frozenset(found.status for found in seen),
        blocked=False,
        objects=seen,
    )


def rendered(occasion: Occasion, addressee: Addressee = ADMIN, header: bytes = HEADER) -> str:
    return SHIPPED.render(macros(occasion, addressee, header, TELLER, NOON))


def test_those_are_told_whose_list_names_what_was_found() -> None:
    policy = a_policy(
        notify_admin=frozenset({INFECTED}),
        notify_recipient=frozenset({ERROR}),
        notify_sender=frozenset({INFECTED}),
    )

    assert addressees(an_occasion(policy)) == (ADMIN, SENDER)
    assert addressees(replace(an_occasion(policy), statuses=frozenset({CLEAN}))) == ()
    spam = a_policy(notify_recipient=frozenset({SpamStatus.SPAM}))
    assert addressees(replace(an_occasion(spam), statuses=frozenset({SpamStatus.SPAM}))) == (RECIPIENT,)


def from_sender(sender: str, authentication: Authentication | None = None) -> Mail:
    mail = a_mail(authentication=authentication)
    return replace(mail, envelope=replace(mail.envelope, sender=sender))


@pytest.mark.parametrize(
    ("sender", "known", "told"),
    [
        ("me@site.example", None, True),
        ("me@lab.SITE.example", None, True),
        ("stranger@client.example", None, False),
        ("", None, False),
        ("me@site.example", Authentication(spf=Spf(Result.PASS)), True),
        ("me@site.example", Authentication(spf=Spf(Result.FAIL)), False),
        ("me@site.example", Authentication(spf=Spf(Result.SOFTFAIL)), False),
        ("me@site.example", Authentication(spf=Spf(Result.FAIL), dmarc=Dmarc(Result.PASS)), True),
        ("me@site.example", Authentication(spf=Spf(Result.PASS), dmarc=Dmarc(Result.FAIL)), False),
    ],
)
def test_a_sender_is_told_only_when_he_is_ours_and_not_forged(
    sender: str, known: Authentication | None, told: bool
) -> None:
    found = addresses(an_occasion(mail=from_sender(sender, known)), SENDER, TELLER)

    assert found == ((sender,) if told else ())


def test_recipients_are_told_once_each_and_the_administrator_at_his_address() -> None:
    occasion = an_occasion(mail=a_mail("x", "a@site.example", "b@site.example", "a@site.example"))

    assert addresses(occasion, RECIPIENT, TELLER) == ("a@site.example", "b@site.example")
    assert addresses(occasion, ADMIN, TELLER) == ("admin@site.example",)


@pytest.mark.parametrize(
    ("sender", "header", "told"),
    [
        ("", b"Auto-Submitted: auto-generated\r\n\r\n", True),
        ("", b"AUTO-SUBMITTED:  Auto-Replied (vacation)\r\n\r\n", True),
        ("", b"Auto-Submitted: no\r\n\r\n", False),
        ("", b"Subject: x\r\n\r\n", False),
        ("a@client.example", b"Auto-Submitted: auto-generated\r\n\r\n", False),
    ],
)
def test_what_nobody_wrote_is_a_notice_itself(sender: str, header: bytes, told: bool) -> None:
    assert is_notice(from_sender(sender), header) is told


def test_a_notice_tells_what_was_found_and_what_became_of_it() -> None:
    text = rendered(replace(an_occasion(), blocked=True))

    assert "A message was not delivered: something was found in it.\r\n" in text
    assert "  a.exe: infected (remove), EICAR\r\n" in text
    assert "hello.txt" not in text
    assert "From:    <sender@client.example>\r\nTo:      <user@site.example>\r\nSubject: café\r\n" in text
    assert "Number:  AbCdEfGh12345\r\n" in text
    assert "    Subject: =?utf-8?q?caf=C3=A9?=\r\n" in text


def test_a_recipient_reads_neither_the_header_nor_who_else_got_it() -> None:
    text = rendered(an_occasion(mail=a_mail("x", "a@site.example", "b@site.example")), RECIPIENT)

    assert text.startswith("This is the mail gateway gw.site.example.\r\n\r\nA message to you: something")
    assert "b@site.example" not in text
    assert "Subject: =?utf-8" not in text


def test_that_a_copy_is_kept_is_told() -> None:
    policy = a_policy(quarantine=frozenset({INFECTED, ERROR}), av_quarantine_path="/quarantine/av")

    administrator, recipient = rendered(an_occasion(policy)), rendered(an_occasion(policy), RECIPIENT)

    assert ", and a copy is kept in quarantine:" in administrator
    assert ", and a copy is kept in quarantine:" in recipient
    assert "Kept in: /quarantine/av\r\n" in administrator
    assert "/quarantine/av" not in recipient


def test_outside_of_its_for_the_list_of_objects_is_its_last_line() -> None:
    template = compile_template("%ACTION_LIST%")

    assert template.render(macros(an_occasion(), ADMIN, HEADER, TELLER, NOON)) == "infected remove EICAR"


HOSTILE = 'x\r\nBcc: all@site.example\r\n\r\n<FOR A == "*">%HEADERS%\u2028\u202e'


def test_what_others_wrote_can_neither_add_lines_nor_be_read_as_template() -> None:
    mail = replace(from_sender(HOSTILE), message_id=HOSTILE)
    header = b"Subject: =?utf-8?q?x=0D=0ABcc:_y?=\r\nX: \x1b[2J\x00\r\n\r\n"
    occasion = an_occasion(a_policy(), mail, an_object(HOSTILE, threats=(HOSTILE,), cause=HOSTILE))

    for addressee in Addressee:
        text = rendered(occasion, addressee, header)
        assert not [line for line in text.split("\r\n") if line.startswith("Bcc")]
        assert not set(text) & set("\x1b\x00\u2028\u202e")
        content = notice_content(
            SHIPPED, occasion, addressee, ("b@site.example",), header, TELLER, "id", NOON
        )
        parsed = message_from_bytes(content, policy=email_policy.default)
        assert list(parsed) == [
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
            *("Content-Type", "Content-Transfer-Encoding", "Content-Disposition"),
        ]


def test_an_address_with_line_ends_stays_in_its_field() -> None:
    content = notice_content(
        SHIPPED,
        an_occasion(),
        RECIPIENT,
        ("b@site.example\r\nBcc: c@site.example",),
        HEADER,
        TELLER,
        "id",
        NOON,
    )

    assert b"\r\nBcc" not in content
    assert b"To: <b@site.example  Bcc: c@site.example>\r\n" in content


def test_a_notice_is_a_message_that_nobody_answers() -> None:
    content = notice_content(
        SHIPPED, an_occasion(), RECIPIENT, ("a@site.example", "b@site.example"), HEADER, TELLER, "N1", NOON
    )
    mail = notice_mail(a_mail(), ("ä@site.example",), a_mail().body, TELLER, "N1", NOON)

    parsed = message_from_bytes(content, policy=email_policy.default)
    assert (parsed["Auto-Submitted"], parsed["Message-ID"]) == ("auto-generated", "<N1@gw.site.example>")
    assert parsed["From"] == "Mail gateway <gateway@site.example>"
    assert "undisclosed-recipients" in parsed["To"]
    assert "café" in parsed.get_content()
    assert (mail.envelope.sender, mail.envelope.utf8, mail.source_id) == ("", True, "AbCdEfGh12345")
    assert [to.notify for to in mail.envelope.recipients] == [("NEVER",)]


def test_objects_have_their_facts_inside_their_for() -> None:
    template = compile_template(
        '<FOR ACTION_LIST == "*">%OBJECT_NAME%|%STATUS%|%ACTION%|%INFO%|%VIRUS%;</FOR>%STATUS%'
    )
    occasion = an_occasion(
        None, None, an_object("a", threats=("E1", "E2")), an_object("", ERROR, (), "it is broken")
    )

    text = template.render(macros(occasion, ADMIN, HEADER, TELLER, NOON))

    assert text == "a|infected|remove|E1, E2|E2;2|error|remove|it is broken|;"
