from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.dns.client import AresDns, Asking
from gateway.domain.endpoint import HostPort
from services.sender.hosts import Host
from services.sender.ourselves import Ourselves
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
    "backup.example MX": ["10 mx1.example", "20 mx2.example", "30 here.example", "40 mx2.example"],
    "first.example MX": ["10 here.example", "20 mx1.example"],
    "waits.example MX": ["10 broken.example", "20 here.example"],
    "balanced.example MX": ["10 balancer.example"],
    "balancer.example A": ["192.0.2.25"],
    "here.example A": ["203.0.113.5", "127.0.0.1"],
}


US = Ourselves(
    "us.example",
    listens=(HostPort("0.0.0.0", 25), HostPort("::1", 2525)),
    addresses=("192.0.2.25",),
    is_local=lambda ip: ip.startswith("127."),
)


@asynccontextmanager
async def a_resolver(*, timeout: float = 10.0) -> AsyncIterator[tuple[Resolver, DnsServer]]:
    async with dns_server(ZONE) as server:
        dns = AresDns(Asking(servers=(server.address,), timeout=timeout))
        try:
            yield Resolver(dns, US, shuffle=lambda exchanges: None), server
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
        ("here.example", "5.4.6"),
        ("first.example", "5.4.6"),
        ("balanced.example", "5.4.6"),
        ("waits.example", "4.4.3"),
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


async def test_servers_no_better_than_ourselves_are_left_out_by_whatever_name() -> None:
    async with a_resolver() as (resolver, _):
        hosts = await resolver.hosts(Destination("backup.example", by_mx=True))

    assert [host.ip for host in hosts] == ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3"]


@pytest.mark.parametrize(
    ("host", "port"),
    [("127.0.0.1", 25), ("here.example", 25), ("::1", 2525), ("192.0.2.25", 25), ("localhost", 25)],
)
async def test_a_route_that_leads_back_to_ourselves_makes_mail_wait(host: str, port: int) -> None:
    async with a_resolver() as (resolver, _):
        with pytest.raises(Unroutable) as unroutable:
            await resolver.hosts(Destination(host, port))

    assert unroutable.value.enhanced == "4.4.6"


@pytest.mark.parametrize(
    ("host", "port", "lmtp"),
    [
        ("127.0.0.1", 1025, False),
        ("::1", 25, False),
        ("192.0.2.25", 26, False),
        ("192.0.2.1", 25, False),
        ("127.0.0.1", 25, True),
    ],
)
async def test_another_server_on_the_same_machine_is_not_ourselves(host: str, port: int, lmtp: bool) -> None:
    async with a_resolver() as (resolver, _):
        hosts = await resolver.hosts(Destination(host, port, lmtp=lmtp))

    assert hosts == (Host(host, host, port, lmtp),)


async def test_a_socket_in_the_file_system_is_asked_of_nobody() -> None:
    async with a_resolver() as (resolver, server):
        hosts = await resolver.hosts(Destination("unix:/run/lmtp", 24, lmtp=True))

    assert hosts == (Host("localhost", "unix:/run/lmtp", 24, lmtp=True),)
    assert not server.asked


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
