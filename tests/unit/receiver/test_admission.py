from __future__ import annotations

import pytest

from gateway.domain.access import RelayRule, client_address
from services.receiver import replies
from services.receiver.admission import admit_recipient, may_relay

INSIDE, OUTSIDE = client_address("192.0.2.7"), client_address("203.0.113.9")
RULES = tuple(
    RelayRule.parse(text)
    for text in (
        "deny from 192.0.2.66 to *",
        "allow from 192.0.2.0/24 to *",
        "deny from any to secret@own.example",
        "allow from any to *@own.example",
    )
)


def test_the_first_rule_about_both_sides_decides() -> None:
    assert may_relay("b@elsewhere.example", INSIDE, RULES)
    assert not may_relay("b@elsewhere.example", client_address("192.0.2.66"), RULES)
    assert may_relay("secret@own.example", INSIDE, RULES)
    assert not may_relay("secret@own.example", OUTSIDE, RULES)
    assert may_relay("b@own.example", OUTSIDE, RULES)


def test_what_no_rule_is_about_is_denied() -> None:
    assert not may_relay("b@elsewhere.example", OUTSIDE, RULES)
    assert not may_relay("b@own.example", OUTSIDE, ())


def test_an_ipv4_client_of_an_ipv6_socket_is_the_same_client() -> None:
    assert may_relay("b@elsewhere.example", client_address("::ffff:192.0.2.7"), RULES)


@pytest.mark.parametrize(
    "address",
    [
        "b%far.example@own.example",
        "far.example!b@own.example",
        '"b@far.example"@own.example',
        '"b"@own.example',
    ],
)
def test_only_clients_named_by_a_rule_may_route_through_us(address: str) -> None:
    assert not may_relay(address, OUTSIDE, RULES)
    assert may_relay(address, INSIDE, RULES)


def test_recipients_beyond_the_limit_are_for_the_next_message() -> None:
    reply = admit_recipient("b@own.example", OUTSIDE, RULES, already=2, most=2)

    assert reply is replies.TOO_MANY_RECIPIENTS
