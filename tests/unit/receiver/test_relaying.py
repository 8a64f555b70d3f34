from __future__ import annotations

import pytest

from gateway.domain.access import RelayRule, client_address
from services.receiver.relaying import RelayRules, may_relay

INSIDE, OUTSIDE = client_address("192.0.2.7"), client_address("203.0.113.9")
DENIED_INSIDE = client_address("192.0.2.66")


def relay_rules(*texts: str) -> RelayRules:
    return RelayRules([RelayRule.parse(text) for text in texts])


RULES = relay_rules(
    "deny from 192.0.2.66 to *",
    "allow from 192.0.2.0/24 to *",
    "deny from any to secret@own.example",
    "allow from any to *@own.example",
)


def relays(recipient: str, client: str | object, rules: RelayRules = RULES) -> bool:
    address = client_address(str(client))
    return may_relay(rules.deciding(address, recipient), recipient)


def test_the_first_rule_about_both_sides_decides() -> None:
    assert relays("b@elsewhere.example", INSIDE)
    assert not relays("b@elsewhere.example", DENIED_INSIDE)
    assert relays("secret@own.example", INSIDE)
    assert not relays("secret@own.example", OUTSIDE)
    assert relays("b@own.example", OUTSIDE)


def test_what_no_rule_is_about_is_denied() -> None:
    assert not relays("b@elsewhere.example", OUTSIDE)
    assert not relays("b@own.example", OUTSIDE, relay_rules())


def test_the_deciding_rule_is_told() -> None:
    deciding = RULES.deciding(OUTSIDE, "secret@own.example")

    assert str(deciding) == "deny from any to secret@own.example"


def test_an_ipv4_client_of_an_ipv6_socket_is_the_same_client() -> None:
    assert relays("b@elsewhere.example", "::ffff:192.0.2.7")


@pytest.mark.parametrize(
    "address",
    [
        "b%far.example@own.example",
        "far.example!b@own.example",
        '"b@far.example"@own.example',
        '"b"@own.example',
        "b\N{FULLWIDTH COMMERCIAL AT}far.example@own.example",
        "b\N{FULLWIDTH PERCENT SIGN}far.example@own.example",
    ],
)
def test_only_clients_named_by_a_rule_may_route_through_us(address: str) -> None:
    assert not relays(address, OUTSIDE)
    assert relays(address, INSIDE)


def test_a_network_of_all_addresses_names_no_client() -> None:
    rules = relay_rules("allow from 0.0.0.0/0 to *@own.example")

    assert relays("b@own.example", OUTSIDE, rules)
    assert not relays("b%far.example@own.example", OUTSIDE, rules)
    assert not rules.trusts(OUTSIDE)


def test_a_client_is_trusted_if_the_first_rule_that_names_it_allows() -> None:
    assert RULES.trusts(INSIDE)
    assert not RULES.trusts(DENIED_INSIDE)
    assert not RULES.trusts(OUTSIDE)
