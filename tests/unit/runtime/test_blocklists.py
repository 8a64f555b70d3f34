from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from gateway.dns.port import Answer, Failed, Found, Kind, NoName
from gateway.domain.access import client_address
from gateway.runtime import blocklists
from gateway.runtime.blocklists import (
    ASK_AGAIN_AFTER,
    MOST_FAILURES,
    BlockLists,
    OutOfOrder,
    Standing,
    after,
    judge,
    listing_name,
)
from gateway.runtime.outages import Outages
from tests.support.mails import NOON
from tests.support.records import MemoryOutages
from tests.support.waiting import until
from tests.support.zones import ZoneDns

CLIENT = client_address("192.0.2.7")
LISTED, PRESENT, ABSENT = "7.2.0.192.bl.example", "2.0.0.127.bl.example", "1.0.0.127.bl.example"
IN_ORDER = {f"{PRESENT} A": ["127.0.0.2"]}

HAS = Found(("127.0.0.2",))
HAS_NOT = NoName()


def test_a_list_in_order_has_a_client_or_has_not() -> None:
    assert judge(HAS, present=HAS, absent=HAS_NOT) is True
    assert judge(Found(("127.0.0.4", "127.0.1.10")), present=HAS, absent=HAS_NOT) is True
    assert judge(HAS_NOT, present=HAS, absent=HAS_NOT) is False
    assert judge(Found(()), present=HAS, absent=Found(())) is False


@pytest.mark.parametrize(
    ("client", "present", "absent", "reason"),
    [
        (HAS, HAS, HAS, "it lists everybody"),
        (HAS_NOT, HAS_NOT, HAS_NOT, "it lists nobody"),
        (Found(("127.255.255.254",)), HAS, HAS_NOT, "it refuses to answer us: 127.255.255.254"),
        (HAS_NOT, Found(("127.255.255.252",)), HAS_NOT, "it refuses to answer us: 127.255.255.252"),
        (Found(("203.0.113.5",)), HAS, HAS_NOT, "it answers what means no listing: 203.0.113.5"),
        (Found(("127.0.0.1",)), HAS, HAS_NOT, "it answers what means no listing: 127.0.0.1"),
    ],
)
def test_a_list_that_cannot_be_believed_is_out_of_order(
    client: Answer, present: Answer, absent: Answer, reason: str
) -> None:
    assert judge(client, present, absent) == OutOfOrder(reason)


def test_a_list_that_does_not_answer_is_out_of_order_unless_it_was_by_chance() -> None:
    judged = judge(Failed("no answer in time"), HAS, HAS_NOT)
    assert judged == OutOfOrder("it does not answer", unanswered=True)

    standing = Standing()
    for _ in range(MOST_FAILURES - 1):
        standing = after(standing, judged, now=10.0)
        assert not standing.trouble
    standing = after(standing, judged, now=10.0)

    assert standing.trouble == "it does not answer"
    assert standing.ask_again_at == 10.0 + ASK_AGAIN_AFTER


def test_an_answer_between_two_failures_makes_them_chance() -> None:
    failed = OutOfOrder("it does not answer", unanswered=True)

    assert after(after(Standing(), failed, 0), False, 0) == Standing()


def test_a_list_that_lies_is_out_of_order_at_once_and_in_order_when_it_answers_well() -> None:
    standing = after(Standing(), OutOfOrder("it lists everybody"), now=0.0)

    assert standing.trouble == "it lists everybody"
    assert (
        after(standing, OutOfOrder("it does not answer", unanswered=True), 0).trouble == "it does not answer"
    )
    assert after(standing, False, 0) == Standing()


@pytest.mark.parametrize(
    ("client", "name"),
    [
        ("192.0.2.99", "99.2.0.192.bl.example"),
        (
            "2001:db8::1",
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example",
        ),
    ],
)
def test_a_list_has_addresses_in_reverse(client: str, name: str) -> None:
    assert listing_name(client_address(client), "bl.example") == name


@dataclass
class Asked:
    """Lists over a zone, under a clock that stands until it is moved."""

    zone: dict[str, list[str]]
    zones: tuple[str, ...] = ("bl.example",)
    now: float = 0.0
    outages: MemoryOutages = field(default_factory=MemoryOutages)

    def __post_init__(self) -> None:
        self.dns = ZoneDns(self.zone)
        self.known = Outages(self.outages, "p1", now=lambda: NOON)
        self.lists = BlockLists(self.zones, self.dns, self.known, clock=lambda: self.now)

    def troubles(self) -> dict[str, str]:
        return {outage.subject: outage.reason for outage in self.known.known}


async def test_the_lists_that_have_a_client_are_told() -> None:
    asked = Asked(
        {**IN_ORDER, f"{LISTED} A": ["127.0.0.3"], "2.0.0.127.other.example A": ["127.0.0.2"]},
        ("bl.example", "other.example"),
    )

    assert await asked.lists.listing(CLIENT) == ("bl.example",)
    assert await asked.lists.listing(client_address("192.0.2.8")) == ()
    assert asked.troubles() == {}


async def test_a_list_that_lists_everybody_lists_nobody_and_is_told_of() -> None:
    asked = Asked({**IN_ORDER, f"{LISTED} A": ["127.0.0.2"], f"{ABSENT} A": ["127.0.0.2"]})

    assert await asked.lists.listing(CLIENT) == ()
    assert asked.troubles() == {"block list bl.example": "it lists everybody"}


async def test_a_list_out_of_order_is_not_asked_until_its_time_comes() -> None:
    asked = Asked({f"{LISTED} A": ["127.0.0.2"]})
    await asked.lists.listing(CLIENT)
    asked.dns.asked.clear()
    asked.now = ASK_AGAIN_AFTER - 1

    assert await asked.lists.listing(CLIENT) == ()

    assert not asked.dns.asked


async def test_a_list_is_tried_again_without_a_client_that_waits_for_it() -> None:
    asked = Asked({f"{LISTED} A": ["127.0.0.2"]})
    await asked.lists.listing(CLIENT)
    asked.dns.records[f"{PRESENT} a"] = ["127.0.0.2"]
    asked.now = ASK_AGAIN_AFTER

    assert await asked.lists.listing(CLIENT) == ()
    await until(lambda: asked.troubles() == {})

    assert await asked.lists.listing(CLIENT) == ("bl.example",)


async def test_a_list_that_is_still_out_of_order_waits_again() -> None:
    asked = Asked({f"{LISTED} A": ["127.0.0.2"]})
    await asked.lists.listing(CLIENT)
    asked.now = ASK_AGAIN_AFTER
    asked.dns.asked.clear()
    await asked.lists.listing(CLIENT)
    await until(lambda: asked.dns.asked[f"{PRESENT} A"] > 0)
    asked.dns.asked.clear()

    assert await asked.lists.listing(CLIENT) == ()

    assert not asked.dns.asked
    assert asked.troubles() == {"block list bl.example": "it lists nobody"}


async def test_a_slow_list_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class SilentDns(ZoneDns):
        async def ask(self, name: str, kind: Kind) -> Answer:
            await asyncio.Event().wait()
            return NoName()

    monkeypatch.setattr(blocklists, "LONGEST_ANSWER", 0.01)
    asked = Asked(IN_ORDER)
    asked.lists = BlockLists(asked.zones, SilentDns({}), asked.known, clock=lambda: 0.0)

    for _ in range(MOST_FAILURES):
        assert await asked.lists.listing(CLIENT) == ()

    assert asked.troubles() == {"block list bl.example": "it does not answer"}


async def test_a_list_without_ipv6_is_no_trouble() -> None:
    asked = Asked(IN_ORDER)

    assert await asked.lists.listing(client_address("2001:db8::7")) == ()
    assert asked.troubles() == {}


async def test_a_list_may_lie_about_ipv6_alone() -> None:
    everybody = ".".join(["1.0.0.0.0.0.f.7.f.f.f.f", *["0"] * 20, "bl.example"])
    asked = Asked({**IN_ORDER, f"{everybody} A": ["127.0.0.2"], f"{LISTED} A": ["127.0.0.2"]})

    assert await asked.lists.listing(client_address("2001:db8::7")) == ()
    assert await asked.lists.listing(CLIENT) == ("bl.example",)
    assert asked.troubles() == {"block list bl.example for IPv6": "it lists everybody"}


async def test_the_lists_that_have_a_domain_are_told() -> None:
    asked = Asked({"shop.example.bl.example A": ["127.0.1.2"]})

    assert await asked.lists.listing_domain("shop.example") == ("bl.example",)
    assert await asked.lists.listing_domain("other.example") == ()


async def test_a_list_that_has_every_domain_is_out_of_order() -> None:
    asked = Asked({"shop.example.bl.example A": ["127.0.0.2"], "invalid.bl.example A": ["127.0.0.2"]})

    assert await asked.lists.listing_domain("shop.example") == ()
    assert asked.troubles() == {"block list bl.example of domains": "it lists everybody"}


async def test_a_list_of_domains_that_refuses_is_out_of_order_for_domains_alone() -> None:
    asked = Asked(
        {**IN_ORDER, f"{LISTED} A": ["127.0.0.3"], "shop.example.bl.example A": ["127.255.255.254"]}
    )

    assert await asked.lists.listing_domain("shop.example") == ()
    assert await asked.lists.listing(CLIENT) == ("bl.example",)
