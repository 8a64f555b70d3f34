from __future__ import annotations

import asyncio

import pytest

from gateway.dns.port import Answer, Kind, NoName
from gateway.domain.access import client_address
from gateway.runtime.blocklists import BlockLists
from gateway.runtime.outages import Outages
from services.receiver import lookups as module
from services.receiver.access import Fact, Facts
from services.receiver.lookups import Lookups
from tests.support.dns import Zone
from tests.support.records import MemoryOutages
from tests.support.zones import ZoneDns

CLIENT = "192.0.2.7"
REVERSE = "7.2.0.192.in-addr.arpa"


def lookups(zone: Zone, client: str = CLIENT) -> Lookups:
    dns = ZoneDns(zone)
    lists = BlockLists(("bl.example",), dns, Outages(MemoryOutages(), "p1"))
    return Lookups(client_address(client), dns, lists)


async def said(
    fact: Fact,
    zone: Zone,
    *,
    client: str = CLIENT,
    helo: str = "mx.client.example",
    sender: str = "a@client.example",
) -> bool | None:
    return (await lookups(zone, client).facts({fact}, helo, sender)).said[fact]


@pytest.mark.parametrize(
    ("fact", "zone", "expected"),
    [
        (Fact.CLIENT_NAME, {f"{REVERSE} PTR": ["mx.client.example"]}, True),
        (Fact.CLIENT_NAME, {f"{REVERSE} TXT": ["nothing"]}, False),
        (Fact.CLIENT_NAME, {}, False),
        (Fact.CLIENT_NAME, {f"{REVERSE} FAIL": [""]}, None),
        (Fact.HELO_ADDRESS, {"mx.client.example AAAA": ["2001:db8::1"]}, True),
        (Fact.HELO_ADDRESS, {"mx.client.example MX": ["1 mx.client.example"]}, False),
        (Fact.HELO_ADDRESS, {"mx.client.example FAIL": [""]}, None),
        (Fact.HELO_CLIENT, {"mx.client.example A": ["192.0.2.1", CLIENT]}, True),
        (Fact.HELO_CLIENT, {"mx.client.example A": ["192.0.2.1"]}, False),
        (Fact.HELO_CLIENT, {"mx.client.example AAAA": ["2001:db8::1"]}, False),
        (Fact.HELO_CLIENT, {"mx.client.example FAIL": [""]}, None),
        (Fact.SENDER_ADDRESS, {"client.example A": ["192.0.2.1"]}, True),
        (Fact.SENDER_ADDRESS, {"client.example MX": ["1 mx.client.example"]}, False),
        (Fact.SENDER_MX, {"client.example MX": ["1 mx.client.example"]}, True),
        (Fact.SENDER_MX, {"client.example MX": ["0 ."]}, False),
        (Fact.SENDER_MX, {"client.example A": ["192.0.2.1"]}, False),
        (Fact.SENDER_MX, {}, False),
        (Fact.SENDER_MX, {"client.example FAIL": [""]}, None),
    ],
)
async def test_dns_says_yes_or_no_or_does_not_know(fact: Fact, zone: Zone, expected: bool | None) -> None:
    assert await said(fact, zone) is expected


@pytest.mark.parametrize(
    "helo", ["192.0.2.7", "-x.example", "a..b", "x" * 64, "b\u00fccher.example", "[192.0.2.300]"]
)
async def test_what_can_be_no_name_has_no_address_and_nobody_is_asked(helo: str) -> None:
    assert await said(Fact.HELO_ADDRESS, {f"{helo} A": [CLIENT]}, helo=helo) is False


@pytest.mark.parametrize(
    ("client", "helo", "same"),
    [
        ("192.0.2.7", "[192.0.2.7]", True),
        ("192.0.2.8", "[192.0.2.7]", False),
        ("2001:db8::7", "[IPv6:2001:DB8:0::7]", True),
        ("192.0.2.7", "[IPv6:::ffff:192.0.2.7]", True),
    ],
)
async def test_an_address_literal_is_its_own_address(client: str, helo: str, same: bool) -> None:
    assert await said(Fact.HELO_ADDRESS, {}, client=client, helo=helo) is True
    assert await said(Fact.HELO_CLIENT, {}, client=client, helo=helo) is same


async def test_a_name_beyond_ascii_is_asked_for_in_its_other_spelling() -> None:
    zone = {"xn--bcher-kva.example MX": ["1 mx.example"]}

    assert await said(Fact.SENDER_MX, zone, sender="a@b\u00fccher.example") is True


@pytest.mark.parametrize(
    ("record", "sender", "helo", "vouching"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "a@client.example", "mx.other.example", "client.example"),
        ("v=spf1 ip4:192.0.2.0/24 -all", "a@Client.Example", "mx.other.example", "client.example"),
        ("v=spf1 ip4:192.0.2.0/24 -all", "", "client.example", "client.example"),
        ("v=spf1 ip4:198.51.100.0/24 -all", "a@client.example", "client.example", ""),
        ("v=spf1 ?all", "a@client.example", "client.example", ""),
        ("v=spf1 include:", "a@client.example", "client.example", ""),
        ("", "a@client.example", "client.example", ""),
    ],
)
async def test_a_domain_vouches_for_a_client_that_passes_spf(
    record: str, sender: str, helo: str, vouching: str
) -> None:
    asking = lookups({"client.example TXT": [record]})

    assert await asking.vouching_domain(helo, sender) == vouching


async def test_spf_is_asked_once_in_a_session() -> None:
    dns = ZoneDns({"client.example TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]})
    asking = Lookups(client_address(CLIENT), dns, BlockLists((), dns, Outages(MemoryOutages(), "p1")))

    for _ in range(3):
        await asking.vouching_domain("mx.client.example", "a@client.example")

    assert dns.asked == {"client.example TXT": 1}


async def test_nobody_vouches_when_spf_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    class SilentDns(ZoneDns):
        async def ask(self, name: str, kind: Kind) -> Answer:
            await asyncio.Event().wait()
            return NoName()

    monkeypatch.setattr(module, "LONGEST_SPF", 0.01)
    dns = SilentDns({})
    asking = Lookups(client_address(CLIENT), dns, BlockLists((), dns, Outages(MemoryOutages(), "p1")))

    assert await asking.vouching_domain("mx.client.example", "a@client.example") == ""


async def test_of_the_null_sender_nothing_is_said() -> None:
    facts = await lookups({}).facts({Fact.SENDER_MX, Fact.CLIENT_NAME}, "mx.client.example", "")

    assert facts == Facts({Fact.CLIENT_NAME: False})


async def test_the_lists_that_have_the_client_are_told() -> None:
    zone = {"2.0.0.127.bl.example A": ["127.0.0.2"], "7.2.0.192.bl.example A": ["127.0.0.2"]}

    facts = await lookups(zone).facts({Fact.CLIENT_LISTED}, "", "")

    assert facts == Facts({Fact.CLIENT_LISTED: True}, ("bl.example",))


async def test_each_thing_is_asked_once_in_a_session() -> None:
    dns = ZoneDns({})
    asking = Lookups(client_address(CLIENT), dns, BlockLists((), dns, Outages(MemoryOutages(), "p1")))
    for _ in range(3):
        await asking.facts({Fact.CLIENT_NAME, Fact.SENDER_MX}, "mx.client.example", "a@client.example")
    await asking.facts({Fact.SENDER_MX}, "mx.client.example", "a@other.example")

    assert dns.asked == {f"{REVERSE} PTR": 1, "client.example MX": 1, "other.example MX": 1}


async def test_nothing_is_asked_that_no_rule_wants_to_know() -> None:
    dns = ZoneDns({})
    asking = Lookups(
        client_address(CLIENT), dns, BlockLists(("bl.example",), dns, Outages(MemoryOutages(), "p1"))
    )

    assert await asking.facts(frozenset(), "mx.client.example", "a@client.example") == Facts()
    assert not dns.asked
