from __future__ import annotations

import pytest

from gateway.dns.port import MailExchange
from gateway.domain.mail import Recipient
from gateway.domain.routes import Route
from services.sender.routing import (
    Destination,
    RoutingTable,
    Unroutable,
    exchanges_to_try,
)

ROUTES = RoutingTable(
    [
        Route.parse(line)
        for line in (
            "*@a.example [relay.example:1025]",
            "*@b.example [192.0.2.7]",
            "*@*.example Mx.Example",
            "*@c.example [c]",
            "*@xn--e1afmkfd.test lmtp:[unix:/run/LMTP]",
        )
    ]
)


@pytest.mark.parametrize(
    ("address", "destination"),
    [
        ("user@a.example", Destination("relay.example", 1025)),
        ("User@A.Example", Destination("relay.example", 1025)),
        ("user@b.example", Destination("192.0.2.7")),
        ("user@c.example", Destination("mx.example", by_mx=True)),
        ("user@Elsewhere.test", Destination("elsewhere.test", by_mx=True)),
        ("user@[192.0.2.9]", Destination("192.0.2.9")),
        ("user@[IPv6:2001:db8::9]", Destination("2001:db8::9")),
        ("user@пример.test", Destination("unix:/run/LMTP", 24, lmtp=True)),
        ("user@ПРИМЕР.test", Destination("unix:/run/LMTP", 24, lmtp=True)),
        ("user@other.пример.test", Destination("other.xn--e1afmkfd.test", by_mx=True)),
        ("user@пример..test", None),
        ("user@[not an address]", None),
        ("postmaster", None),
    ],
)
def test_the_first_route_that_matches_wins_and_else_the_domain(
    address: str, destination: Destination | None
) -> None:
    assert ROUTES.destination_of(address) == destination


def test_recipients_of_one_destination_go_together_in_their_order() -> None:
    first, second, third = (Recipient(f"{name}@{name[0]}.test") for name in ("a1", "b1", "a2"))

    groups = RoutingTable(()).by_destination((first, second, third))

    assert list(groups.items()) == [
        (Destination("a.test", by_mx=True), (first, third)),
        (Destination("b.test", by_mx=True), (second,)),
    ]


def test_better_exchanges_come_first_and_equal_ones_are_shuffled() -> None:
    records = [MailExchange(20, "c.test"), MailExchange(10, "a.test"), MailExchange(10, "b.test")]

    found = exchanges_to_try(records, "d.test", "we.test", lambda exchanges: exchanges.reverse())

    assert [exchange.host for exchange in found] == ["b.test", "a.test", "c.test"]


def test_a_domain_without_exchanges_is_its_own() -> None:
    assert exchanges_to_try([], "d.test", "we.test", _as_they_are) == (MailExchange(0, "d.test"),)


def test_exchanges_no_better_than_ourselves_are_left_out() -> None:
    records = [
        MailExchange(10, "a.test"),
        MailExchange(20, "WE.test."),
        MailExchange(20, "b.test"),
        MailExchange(30, "c.test"),
    ]

    assert exchanges_to_try(records, "d.test", "we.test", _as_they_are) == (MailExchange(10, "a.test"),)


@pytest.mark.parametrize(
    ("records", "domain", "status"),
    [
        ([MailExchange(0, "")], "d.test", "5.1.10"),
        ([MailExchange(10, "we.test"), MailExchange(20, "b.test")], "d.test", "5.4.6"),
        ([], "we.test", "5.4.6"),
    ],
)
def test_null_mx_and_loops_are_refused_for_good(
    records: list[MailExchange], domain: str, status: str
) -> None:
    with pytest.raises(Unroutable) as unroutable:
        exchanges_to_try(records, domain, "we.test", _as_they_are)

    assert unroutable.value.permanent
    assert unroutable.value.enhanced == status


def _as_they_are(exchanges: list[MailExchange]) -> None:
    pass
