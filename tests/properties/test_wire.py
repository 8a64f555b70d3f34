"""Whatever travels over the bus arrives as it was; whatever else lies there is told apart."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bus import wire
from gateway.domain.authentication import Arc, Authentication, Dkim, Dmarc, Identity, Request, Result, Spf
from gateway.domain.commands import Command, Suspend
from gateway.domain.mail import BodyRef, Edit, Envelope, Mail, Notify, Recipient, Return
from gateway.domain.policy import SpamStatus
from tests.support.mails import a_mail

text = st.text(st.characters(codec="utf-8"), max_size=40)
numbers = st.integers(0, 2**53)
recipients = st.builds(
    Recipient, address=text, notify=st.lists(st.sampled_from(Notify)).map(tuple), original=text
)
envelopes = st.builds(
    Envelope,
    sender=text,
    recipients=st.lists(recipients, max_size=5).map(tuple),
    client_ip=text,
    received_at=st.datetimes(timezones=st.just(UTC)),
    helo=text,
    protocol=text,
    eight_bit=st.booleans(),
    utf8=st.booleans(),
    returns=st.none() | st.sampled_from(Return),
    envelope_id=text,
)
results = st.sampled_from(Result)
facts = st.builds(
    Authentication,
    spf=st.none() | st.builds(Spf, results, text, st.sampled_from(Identity), text),
    dkim=st.none()
    | st.lists(st.builds(Dkim, results, text, text, text, text, st.booleans(), text), max_size=3).map(tuple),
    dmarc=st.none()
    | st.builds(Dmarc, results, text, st.sampled_from(Request), st.booleans(), st.booleans(), text),
    arc=st.none() | st.builds(Arc, results, st.lists(text, max_size=3).map(tuple), results, text),
    forged=st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple),
)
all_mail = st.builds(
    Mail,
    id=text,
    source_id=text,
    envelope=envelopes,
    body=st.builds(BodyRef, name=text, size=numbers),
    group=text,
    message_id=text,
    top=st.binary(max_size=200),
    edits=st.lists(st.builds(Edit, numbers, numbers, st.binary(max_size=20)), max_size=5).map(tuple),
    authentication=st.none() | facts,
    spam=st.none() | st.sampled_from(SpamStatus),
    attempts=numbers,
    generation=numbers,
)
by_annotation = {"str": text, "int": numbers, "tuple[str, ...]": st.lists(text).map(tuple)}
commands = st.one_of(
    [st.builds(kind, *(by_annotation[str(part.type)] for part in fields(kind))) for kind in get_args(Command)]
)


@given(all_mail)
def test_every_mail_arrives_as_it_was(mail: Mail) -> None:
    assert wire.decode(wire.encode(mail)) == mail


@given(commands)
def test_every_command_arrives_as_it_was(command: Command) -> None:
    assert wire.decode_command(wire.encode_command(command)) == command


@given(st.binary() | st.binary().map(lambda rest: wire.VERSION + rest))
def test_bytes_that_are_no_mail_are_told(content: bytes) -> None:
    with pytest.raises(wire.UndecodableMail):
        wire.decode(content)
    with pytest.raises(wire.UndecodableCommand):
        wire.decode_command(content)


@given(all_mail, st.data())
def test_a_damaged_mail_is_a_mail_or_told(mail: Mail, data: st.DataObject) -> None:
    content = bytearray(wire.encode(mail))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))

    try:
        decoded: object = wire.decode(bytes(content))
    except wire.UndecodableMail:
        decoded = None

    assert decoded is None or isinstance(decoded, Mail)


def test_a_version_that_is_not_ours_is_told() -> None:
    newer = b"\x02" + wire.encode(a_mail())[1:]

    with pytest.raises(wire.UndecodableMail, match="version 02"):
        wire.decode(newer)


def test_content_nested_without_end_is_told() -> None:
    nested = wire.VERSION + b"\x81\xa1x" + b"\x91" * 100_000

    with pytest.raises(wire.UndecodableMail):
        wire.decode(nested)


def test_a_field_of_a_newer_version_is_skipped() -> None:
    content = wire.encode_command(Suspend("sender"))
    with_more = content.replace(b"\x81\xa6module", b"\x82\xa5extra\xc0\xa6module")

    assert with_more != content
    assert wire.decode_command(with_more) == Suspend("sender")


def test_an_unknown_command_is_told() -> None:
    content = wire.encode_command(Suspend("sender")).replace(b"Suspend", b"Explode")

    with pytest.raises(wire.UndecodableCommand, match="Explode"):
        wire.decode_command(content)
