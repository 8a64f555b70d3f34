from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.dns.client import AresDns, Asking
from gateway.dns.port import Answer, Dns, Failed, Found, Kind, MailExchange, NoName, Tlsa, addresses
from gateway.dns.validating import ValidatingDns
from gateway.domain.statistics import Counter as Statistic
from tests.support.clock import Clock
from tests.support.dns import DnsServer, dns_server
from tests.support.zones import ZoneDns

LONG = "v=DKIM1; p=" + "A" * 700

ZONE = {
    "a.example A": ["192.0.2.1", "192.0.2.2"],
    "a.example AAAA": ["2001:db8::1"],
    "a.example MX": ["20 MX2.example", "10 mx1.example"],
    "a.example TXT": [LONG, "second"],
    "null.example MX": ["0 ."],
    "alias.example CNAME": ["a.example"],
    "1.2.0.192.in-addr.arpa PTR": ["A.example"],
    "only4.example A": ["192.0.2.4"],
    "_25._tcp.a.example TLSA": ["3 1 1 " + "ab" * 32],
    "_25._tcp.a.example SECURE": [],
    "signed.example A": ["192.0.2.5"],
    "signed.example AAAA": ["2001:db8::5"],
    "signed.example SECURE": [],
    "half.example FAIL": [],
    "broken.example FAIL": [],
    "silent.example SILENT": [],
}


@asynccontextmanager
async def a_client(
    kind: type[AresDns] = AresDns, *, timeout: float = 10.0, count: Callable[[Statistic], None] | None = None
) -> AsyncIterator[tuple[AresDns, DnsServer, Clock]]:
    clock = Clock()
    async with dns_server(ZONE) as server:
        asking = Asking(servers=(server.address,), timeout=timeout, exchange_purge=100, unresolved_purge=1000)
        dns = kind(asking, clock=clock, count=count or (lambda counter: None))
        try:
            yield dns, server, clock
        finally:
            await dns.close()


ANSWERS = [
    ("a.example", Kind.A, Found(("192.0.2.1", "192.0.2.2"), 60)),
    ("A.EXAMPLE.", Kind.AAAA, Found(("2001:db8::1",), 60)),
    ("a.example", Kind.MX, Found((MailExchange(20, "mx2.example"), MailExchange(10, "mx1.example")), 60)),
    ("a.example", Kind.TXT, Found((LONG.encode(), b"second"), 60)),
    ("null.example", Kind.MX, Found((MailExchange(0, ""),), 60)),
    ("alias.example", Kind.A, Found(("192.0.2.1", "192.0.2.2"), 60)),
    ("alias.example", Kind.CNAME, Found(("a.example",), 60)),
    ("1.2.0.192.in-addr.arpa", Kind.PTR, Found(("a.example",), 60)),
    ("a.example", Kind.PTR, Found()),
    ("unknown.example", Kind.A, NoName()),
]


both = pytest.mark.parametrize("client", [AresDns, ValidatingDns])


@both
@pytest.mark.parametrize(("name", "kind", "answer"), ANSWERS)
async def test_records_come_as_plain_values(
    client: type[AresDns], name: str, kind: Kind, answer: Answer
) -> None:
    async with a_client(client) as (dns, _, _):
        assert await dns.ask(name, kind) == answer


@pytest.mark.parametrize(("name", "kind", "answer"), ANSWERS)
async def test_the_dns_of_tests_answers_like_a_real_one(name: str, kind: Kind, answer: Answer) -> None:
    assert await ZoneDns(ZONE).ask(name, kind) == answer


@both
@pytest.mark.parametrize("name", ["", "bad..name", "a" * 70 + ".example", "\x00.example", "exämple"])
async def test_what_is_no_name_does_not_exist(client: type[AresDns], name: str) -> None:
    async with a_client(client) as (dns, _, _):
        assert await dns.ask(name, Kind.A) == NoName()


@both
async def test_a_server_that_fails_or_is_silent_is_an_answer(client: type[AresDns]) -> None:
    async with a_client(client, timeout=0.5) as (dns, _, _):
        broken = await dns.ask("broken.example", Kind.A)
        silent = await dns.ask("silent.example", Kind.A)

    assert isinstance(broken, Failed)
    assert silent == Failed("no answer in time")


async def test_the_own_machine_needs_no_name_server() -> None:
    async with a_client() as (dns, _, _):
        answer = await dns.host("localhost")

    assert isinstance(answer, Found)
    assert "127.0.0.1" in answer.names


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.example", Found(("192.0.2.1", "192.0.2.2", "2001:db8::1"), 60)),
        ("only4.example", Found(("192.0.2.4",), 60)),
        ("null.example", Found()),
        ("unknown.example", NoName()),
        ("broken.example", Failed("the server failed")),
    ],
)
async def test_addresses_are_those_of_both_kinds(name: str, found: Answer) -> None:
    dns: Dns = ZoneDns(ZONE)

    assert await addresses(dns, name) == found


async def test_only_a_client_that_can_know_says_that_an_answer_is_secure() -> None:
    async with a_client(ValidatingDns) as (validating, _, _), a_client(AresDns) as (plain, _, _):
        told = await addresses(validating, "signed.example")
        unsigned = await validating.ask("a.example", Kind.A)
        never_told = await addresses(plain, "signed.example")

    assert told == Found(("192.0.2.5", "2001:db8::5"), 60, secure=True)
    assert never_told == Found(("192.0.2.5", "2001:db8::5"), 60)
    assert isinstance(unsigned, Found)
    assert not unsigned.secure


async def test_which_certificate_is_right_is_known_where_answers_are_validated() -> None:
    async with a_client(ValidatingDns) as (validating, _, _), a_client(AresDns) as (plain, _, _):
        told = await validating.ask("_25._tcp.a.example", Kind.TLSA)
        never_told = await plain.ask("_25._tcp.a.example", Kind.TLSA)

    assert told == Found((Tlsa(3, 1, 1, b"\xab" * 32),), 60, secure=True)
    assert never_told == Found()


async def test_what_is_asked_is_counted() -> None:
    counted: Counter[Statistic] = Counter()
    async with a_client(count=lambda counter: counted.update([counter])) as (dns, _, _):
        for name in ("a.example", "a.example", "unknown.example", "unknown.example", "broken.example"):
            await dns.ask(name, Kind.A)

    assert counted == {
        Statistic.DNS_QUERIES: 5,
        Statistic.DNS_QUERIES_THROUGH_CACHE: 2,
        Statistic.DNS_QUERIES_FAILED: 1,
    }


async def test_what_is_no_longer_valid_goes_at_the_purge_of_its_kind() -> None:
    async with a_client() as (dns, _, clock):
        await dns.ask("a.example", Kind.MX)
        await dns.ask("unknown.example", Kind.MX)
        await dns.ask("a.example", Kind.A)
        clock.seconds = 101
        await dns.ask("null.example", Kind.MX)
        held = len(dns._exchanges), len(dns._unresolved), len(dns._addresses)

    assert held == (1, 1, 1)


async def test_an_answer_is_remembered_for_its_time() -> None:
    async with a_client() as (dns, server, clock):
        await dns.ask("a.example", Kind.MX)
        server.records["a.example mx"] = ["10 other.example"]
        clock.seconds = 59
        remembered = await dns.ask("a.example", Kind.MX)

    assert isinstance(remembered, Found)
    assert remembered.exchanges[1].host == "mx1.example"
    assert server.asked["a.example MX"] == 1


async def test_a_name_that_was_not_found_is_not_asked_for_again_meanwhile() -> None:
    async with a_client() as (dns, server, clock):
        for moment in (0, 599):
            clock.seconds = moment
            await dns.ask("unknown.example", Kind.MX)

    assert server.asked["unknown.example MX"] == 1


async def test_many_who_ask_at_once_ask_once() -> None:
    async with a_client() as (dns, server, _):
        await asyncio.gather(*(dns.ask("a.example", Kind.A) for _ in range(20)))

    assert server.asked["a.example A"] == 1
