from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.dns.client import AresDns, Asking
from services.sender.hosts import Host
from services.sender.resolving import Resolver
from services.sender.routing import Destination, Unroutable
from tests.support.dns import DnsServer, dns_server

ZONE = {
    "a.example MX": ["20 mx2.example", "10 mx1.example"],
    "mx1.example A": ["192.0.2.1", "192.0.2.2"],
    "mx1.example AAAA": ["2001:db8::1"],
    "mx2.example CNAME": ["real.example"],
    "real.example A": ["192.0.2.3"],
    "onlyhost.example A": ["192.0.2.4"],
    "null.example MX": ["0 ."],
    "loop.example MX": ["10 us.example"],
    "text.example TXT": ["no mail here"],
    "lost.example MX": ["10 nowhere.example"],
    "half.example MX": ["10 broken.example", "20 mx1.example"],
    "shaky.example MX": ["10 broken.example"],
    "broken.example FAIL": [],
    "silent.example SILENT": [],
}


@asynccontextmanager
async def a_resolver(*, timeout: float = 10.0) -> AsyncIterator[tuple[Resolver, DnsServer]]:
    async with dns_server(ZONE) as server:
        dns = AresDns(Asking(servers=(server.address,), timeout=timeout))
        try:
            yield Resolver(dns, "us.example", shuffle=lambda exchanges: None), server
        finally:
            await dns.close()


async def test_all_addresses_of_all_exchanges_are_tried_the_best_first() -> None:
    async with a_resolver() as (resolver, _):
        hosts = await resolver.hosts(Destination("a.example", by_mx=True))

    assert hosts == (
        Host("mx1.example", "192.0.2.1"),
        Host("mx1.example", "192.0.2.2"),
        Host("mx1.example", "2001:db8::1"),
        Host("mx2.example", "192.0.2.3"),
    )


async def test_a_domain_without_mx_is_tried_by_its_address() -> None:
    async with a_resolver() as (resolver, _):
        hosts = await resolver.hosts(Destination("onlyhost.example", by_mx=True))

    assert hosts == (Host("onlyhost.example", "192.0.2.4"),)


async def test_an_exchange_that_cannot_be_found_now_is_left_out() -> None:
    async with a_resolver() as (resolver, _):
        hosts = await resolver.hosts(Destination("half.example", by_mx=True))

    assert [host.name for host in hosts] == ["mx1.example"] * 3


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("unknown.example", "5.1.2"),
        ("text.example", "5.1.2"),
        ("null.example", "5.1.10"),
        ("loop.example", "5.4.6"),
        ("us.example", "5.1.2"),
        ("lost.example", "5.4.4"),
        ("shaky.example", "4.4.3"),
        ("broken.example", "4.4.3"),
        ("bad..name", "5.1.2"),
    ],
)
async def test_a_domain_without_hosts_says_why_and_for_how_long(domain: str, status: str) -> None:
    async with a_resolver() as (resolver, _):
        with pytest.raises(Unroutable) as unroutable:
            await resolver.hosts(Destination(domain, by_mx=True))

    assert unroutable.value.enhanced == status


async def test_silence_is_a_failure_that_may_pass() -> None:
    async with a_resolver(timeout=0.05) as (resolver, _):
        with pytest.raises(Unroutable) as unroutable:
            await resolver.hosts(Destination("silent.example", by_mx=True))

    assert not unroutable.value.permanent


async def test_a_host_of_the_routing_table_is_looked_up_without_mx() -> None:
    async with a_resolver() as (resolver, server):
        hosts = await resolver.hosts(Destination("mx2.example", 1025))

    assert hosts == (Host("mx2.example", "192.0.2.3", 1025),)
    assert "mx2.example MX" not in server.asked


async def test_the_own_machine_needs_no_name_server() -> None:
    async with a_resolver() as (resolver, _):
        hosts = await resolver.hosts(Destination("localhost", 1025))

    assert Host("localhost", "127.0.0.1", 1025) in hosts


async def test_a_missing_host_of_the_routing_table_makes_mail_wait() -> None:
    async with a_resolver() as (resolver, _):
        with pytest.raises(Unroutable) as unroutable:
            await resolver.hosts(Destination("unknown.example", 1025))

    assert not unroutable.value.permanent


async def test_an_address_is_asked_of_nobody() -> None:
    async with a_resolver() as (resolver, server):
        hosts = await resolver.hosts(Destination("2001:db8::7", 1025))

    assert hosts == (Host("2001:db8::7", "2001:db8::7", 1025),)
    assert not server.asked
