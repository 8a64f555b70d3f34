from __future__ import annotations

import pytest

from gateway.domain.mail import Notify, Recipient, Return
from services.receiver import replies
from services.receiver.arguments import Sender, parse_host_name, parse_recipient, parse_sender
from services.receiver.replies import Reply

VALID = [
    "a@b.example",
    "a.b+c=d@b.example",
    "dot.@b.example",
    "o'neil@b.example",
    '"a b\\"<@>"@b.example',
    "a@[192.0.2.1]",
    "a@[IPv6:2001:db8::1]",
    "a@single",
    "a@under_score.example",
    f"{'a' * 64}@b.example",
]
INVALID = [
    "@b.example",
    "a@",
    "a@b@c.example",
    "a b@c.example",
    "a@b..example",
    "a@-b.example",
    "a@b.example.",
    "a@192.0.2.1]",
    "a\x00@b.example",
    '"a@b.example',
    f"{'a' * 65}@b.example",
    f"a@{'b.' * 130}example",
]


def sender(argument: str) -> Sender | Reply:
    return parse_sender(argument, extended=True)


def recipient(argument: str) -> Recipient | Reply:
    return parse_recipient(argument, "pm@own.example", extended=True, utf8=False)


@pytest.mark.parametrize("address", VALID)
def test_an_address_is_taken_as_it_is_written(address: str) -> None:
    assert sender(f"FROM:<{address}>") == Sender(address)
    assert recipient(f"TO:<{address}>") == Recipient(address)


@pytest.mark.parametrize("address", INVALID)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert sender(f"FROM:<{address}>") in (replies.BAD_SENDER, replies.MAIL_SYNTAX)
    assert recipient(f"TO:<{address}>") in (replies.BAD_RECIPIENT, replies.RCPT_SYNTAX)


def test_parameters_keep_their_case() -> None:
    argument = "FROM:<a@b.example> SIZE=12 body=8BITMIME RET=full ENVID=QQ+2B314"

    assert sender(argument) == Sender(
        "a@b.example", size=12, eight_bit=True, returns=Return.FULL, envelope_id="QQ+2B314"
    )


def test_what_a_sender_wants_to_hear_of_a_recipient_is_kept() -> None:
    argument = "TO:<b@own.example> NOTIFY=SUCCESS,delay ORCPT=rfc822;Bob+2Bx@Own.example"

    assert recipient(argument) == Recipient(
        "b@own.example", (Notify.SUCCESS, Notify.DELAY), "rfc822;Bob+2Bx@Own.example"
    )


@pytest.mark.parametrize("size", ["", "-1", "1.5", "9" * 21, "1a", "٣"])
def test_a_size_is_a_number_of_at_most_twenty_digits(size: str) -> None:
    assert sender(f"FROM:<> SIZE={size}") is replies.BAD_PARAMETER


@pytest.mark.parametrize("envelope_id", ["", "a=b", "a+2", "a+zz", "x" * 101, "ü"])
def test_an_envelope_id_is_xtext(envelope_id: str) -> None:
    assert sender(f"FROM:<> ENVID={envelope_id}") is replies.BAD_PARAMETER


@pytest.mark.parametrize(
    "original", ["", "rfc822", "rfc822;", ";a@b", "rf c;a", "rfc822;a=b", "x;" + "a" * 499]
)
def test_an_original_recipient_is_a_type_and_xtext(original: str) -> None:
    assert recipient(f"TO:<b@own.example> ORCPT={original}") in (
        replies.BAD_PARAMETER,
        replies.UNKNOWN_PARAMETER,
    )


def test_postmaster_alone_means_the_one_of_the_configuration() -> None:
    assert recipient("TO:<POSTmaster>") == Recipient("pm@own.example")


@pytest.mark.parametrize("name", ["client.example", "[192.0.2.1]", "[IPv6:::1]", "under_score", "x" * 255])
def test_any_visible_text_is_a_host_name(name: str) -> None:
    assert parse_host_name(f" {name} ") == name


@pytest.mark.parametrize("name", ["", "two names", "x" * 256, "\x07", "\udcff"])
def test_what_cannot_be_shown_is_no_host_name(name: str) -> None:
    assert parse_host_name(name) is replies.HELLO_NEEDS_NAME
