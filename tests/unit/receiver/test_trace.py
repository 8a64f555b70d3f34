from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gateway.domain.mail import BodyRef, Envelope, Mail, Recipient
from services.receiver.trace import look, received_field

MAIL = Mail(
    id="jHrWPC7s86253",
    source_id="jHrWPC7s86253",
    envelope=Envelope(
        sender="a@client.example",
        recipients=(Recipient("b@own.example"),),
        client_ip="192.0.2.1",
        received_at=datetime(2030, 5, 17, 9, 30, tzinfo=UTC),
        helo="client.example",
    ),
    body=BodyRef("d-jHrWPC7s86253", 5),
)


def test_hops_are_counted_by_their_fields() -> None:
    header = b"Received: a\r\nX: y\r\n Received: folded\r\nRECEIVED : b\r\n\r\n"

    assert look(header).hops == 2


def test_the_message_id_is_unfolded_and_decoded() -> None:
    assert look(b"A: b\r\nMessage-Id:\r\n <x@y.example>\r\n\r\n").message_id == "<x@y.example>"


def test_a_message_without_header_has_no_hops_and_no_id() -> None:
    assert (look(b"").message_id, look(b"").hops) == ("", 0)


def test_the_received_field_says_who_gave_what_to_whom() -> None:
    assert received_field(MAIL, "gw.example") == (
        b"Received: from client.example ([192.0.2.1])\r\n"
        b"\tby gw.example with ESMTP id jHrWPC7s86253\r\n"
        b"\tfor <b@own.example>;\r\n"
        b"\tFri, 17 May 2030 09:30:00 +0000\r\n"
    )


def test_recipients_do_not_learn_of_each_other() -> None:
    two = (Recipient("b@own.example"), Recipient("c@own.example"))
    mail = replace(MAIL, envelope=replace(MAIL.envelope, recipients=two))

    assert b" for " not in received_field(mail, "gw.example")


def test_an_ipv6_client_is_shown_as_an_address_literal() -> None:
    mail = replace(MAIL, envelope=replace(MAIL.envelope, client_ip="2001:db8::1"))

    assert b"([IPv6:2001:db8::1])" in received_field(mail, "gw.example")


def test_a_client_cannot_write_the_received_field_by_its_name() -> None:
    mail = replace(MAIL, envelope=replace(MAIL.envelope, helo="x(by);y"))

    assert received_field(mail, "gw.example").startswith(b"Received: from x?by??y ([192.0.2.1])\r\n")


def test_the_subject_is_one_line_of_bounded_length() -> None:
    header = b"Subject: =?utf-8?b?0J/RgNC40LLQtdGC?=\r\n and\tmore " + b"x" * 5000 + b"\r\n\r\n"

    assert look(header).subject == ("Привет and more " + "x" * 5000)[:200]
    assert look(b"A: b\r\n\r\n").subject == ""
