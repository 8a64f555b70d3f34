"""A client that follows referrals itself: a root, and servers below it that know the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.dns.client import Asking
from gateway.dns.port import Answer, Failed, Found, Kind, MailExchange, NoName
from gateway.dns.recursing import RecursingDns
from tests.support.dns import DnsServer, Zone, dns_server
from tests.support.ports import free_port

ROOT = {
    "example DELEGATED": ["ns.example 127.0.0.2"],
    "test DELEGATED": ["ns.elsewhere.example"],
    "poor DELEGATED": ["ns.poor"],
    "down DELEGATED": ["ns1.down 127.0.0.9", "ns2.down 127.0.0.2"],
    "loop DELEGATED": ["ns.loop 127.0.0.1"],
    "local A": ["192.0.2.77"],
}
EXAMPLE = {
    "a.example MX": ["10 mx.a.example"],
    "mx.a.example A": ["192.0.2.1"],
    "alias.example CNAME": ["b.test"],
    "circle.example CNAME": ["circle.example"],
    "deep.example DELEGATED": ["ns.deep.example 127.0.0.3"],
    "ns.elsewhere.example A": ["127.0.0.3"],
    "broken.example FAIL": [],
    "x.down A": ["192.0.2.3"],
    # Nobody may say of others' names where they are.
    "evil.example DELEGATED": ["ns.innocent.test 127.0.0.2"],
    "www.evil.example A": ["192.0.2.66"],
}
BELOW = {
    "x.deep.example A": ["192.0.2.4"],
    "b.test A": ["192.0.2.2"],
}


@dataclass
class Tree:
    dns: RecursingDns
    root: DnsServer
    example: DnsServer
    below: DnsServer


@asynccontextmanager
async def a_tree(*, most_steps: int = 32) -> AsyncIterator[Tree]:
    port = free_port()
    zones: tuple[Zone, ...] = (ROOT, EXAMPLE, BELOW)
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(dns_server(zone, host=f"127.0.0.{last}", port=port))
            for last, zone in enumerate(zones, 1)
        ]
        asking = Asking(servers=(f"127.0.0.1:{port}",), timeout=10)
        client = RecursingDns(asking, most_steps=most_steps, port=port)
        stack.push_async_callback(client.close)
        yield Tree(client, *servers)


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("local", Kind.A, Found(("192.0.2.77",), 60)),
        ("a.example", Kind.MX, Found((MailExchange(10, "mx.a.example"),), 60)),
        ("MX.a.example.", Kind.A, Found(("192.0.2.1",), 60)),
        ("mx.a.example", Kind.AAAA, Found()),
        ("nowhere.example", Kind.A, NoName()),
        ("x.deep.example", Kind.A, Found(("192.0.2.4",), 60)),
        ("b.test", Kind.A, Found(("192.0.2.2",), 60)),
        ("alias.example", Kind.A, Found(("192.0.2.2",), 60)),
        ("alias.example", Kind.CNAME, Found(("b.test",), 60)),
        ("x.down", Kind.A, Found(("192.0.2.3",), 60)),
        ("", Kind.A, NoName()),
        ("bad..name", Kind.A, NoName()),
        ("a" * 70 + ".example", Kind.A, NoName()),
        ("exämple", Kind.A, NoName()),
    ],
)
async def test_referrals_are_followed_to_who_has_the_answer(name: str, kind: Kind, answer: Answer) -> None:
    async with a_tree() as tree:
        assert await tree.dns.ask(name, kind) == answer


@pytest.mark.parametrize("name", ["broken.example", "circle.example", "x.poor", "x.loop"])
async def test_what_leads_nowhere_is_an_answer(name: str) -> None:
    async with a_tree(most_steps=5) as tree:
        assert isinstance(await tree.dns.ask(name, Kind.A), Failed)


async def test_the_recursion_goes_as_deep_as_it_may_and_no_deeper() -> None:
    async with a_tree(most_steps=3) as deep, a_tree(most_steps=2) as shallow:
        found = await deep.dns.ask("x.deep.example", Kind.A)
        too_deep = await shallow.dns.ask("x.deep.example", Kind.A)

    assert found == Found(("192.0.2.4",), 60)
    assert too_deep == Failed("the recursion goes too deep")


async def test_who_was_referred_to_is_asked_at_once_the_next_time() -> None:
    async with a_tree() as tree:
        await tree.dns.ask("a.example", Kind.MX)
        await tree.dns.ask("mx.a.example", Kind.A)

    assert list(tree.root.asked) == ["a.example MX"]
    assert list(tree.example.asked) == ["a.example MX", "mx.a.example A"]


async def test_an_address_that_comes_along_is_not_believed_of_names_elsewhere() -> None:
    async with a_tree() as tree:
        answer = await tree.dns.ask("www.evil.example", Kind.A)

    assert isinstance(answer, Failed)
    assert tree.below.asked["ns.innocent.test A"] == 1
