from __future__ import annotations

import asyncio

import pytest

from gateway.dns.port import Answer, Kind
from gateway.runtime.blocklists import BlockLists
from gateway.runtime.outages import Outages
from services.antispam import listings
from services.antispam.listings import MOST_DOMAINS, NO_LISTS, Listed, Listings, domains_to_ask
from services.antispam.message import Link, Source
from tests.support.records import MemoryOutages
from tests.support.zones import ZoneDns

ZONE = {
    "2.0.0.127.bl.example A": ["127.0.0.2"],
    "7.2.0.192.bl.example A": ["127.0.0.2"],
    "bad.example.dbl.example A": ["127.0.1.2"],
}


def a_link(domain: str) -> Link:
    return Link(f"http://www.{domain}/", f"www.{domain}", domain, Source.HTML)


class SilentDns(ZoneDns):
    async def ask(self, name: str, kind: Kind) -> Answer:
        if "slow" in name:
            await asyncio.Event().wait()
        return await super().ask(name, kind)


def asked_of(dns: ZoneDns) -> Listings:
    outages = Outages(MemoryOutages(), "p1")
    return Listings(BlockLists(("bl.example",), dns, outages), BlockLists(("dbl.example",), dns, outages))


async def test_client_and_domains_of_links_are_asked_about() -> None:
    links = [a_link("good.example"), a_link("bad.example"), a_link("bad.example")]

    found = await asked_of(ZoneDns(ZONE)).about("192.0.2.7", links, ())

    assert found == Listed(("bl.example",), (("bad.example", "dbl.example"),))


async def test_each_domain_is_asked_about_once() -> None:
    dns = ZoneDns(ZONE)

    await asked_of(dns).about("192.0.2.7", [a_link("bad.example")] * 5, ())

    assert dns.asked["bad.example.dbl.example A"] == 1


async def test_who_does_not_answer_in_time_has_listed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "LONGEST_WAIT", 0.05)

    found = await asked_of(SilentDns(ZONE)).about(
        "192.0.2.7", [a_link("slow.example"), a_link("bad.example")], ()
    )

    assert found == Listed(("bl.example",), (("bad.example", "dbl.example"),))


@pytest.mark.parametrize("client", ["", "nonsense"])
async def test_without_an_address_there_is_nothing_to_ask(client: str) -> None:
    assert await asked_of(ZoneDns(ZONE)).about(client, (), ()) == Listed()


async def test_without_lists_nobody_is_asked() -> None:
    assert await NO_LISTS.about("192.0.2.7", [a_link("bad.example")], ()) == Listed()


def test_our_own_domains_and_addresses_are_not_asked_about() -> None:
    links = [a_link("own.example"), a_link("other.example"), Link("", "192.0.2.1", "192.0.2.1", Source.HTML)]

    assert domains_to_ask(links, ("*own.example",)) == ("other.example",)


def test_no_more_domains_are_asked_about_than_a_message_has_at_most() -> None:
    assert len(domains_to_ask([a_link(f"d{n}.example") for n in range(50)], ())) == MOST_DOMAINS
