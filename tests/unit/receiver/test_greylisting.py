from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from gateway.domain.access import client_address
from gateway.records.port import Acquaintance
from gateway.runtime.outages import Outages
from services.receiver import greylisting
from services.receiver.greylisting import Greylist, Greylisting, Welcome, triplet_of, welcome
from tests.support.greylist import MemoryGreylist
from tests.support.mails import NOON
from tests.support.records import MemoryOutages
from tests.support.waiting import until

SITE = Greylisting(delay=timedelta(minutes=5), proven_after=2)
CLIENT = "192.0.2.0/24"
MESSAGE = ("a@client.example", "b@own.example")


@pytest.fixture(autouse=True)
def _written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greylisting, "WRITE_EVERY", 0)


@pytest.mark.parametrize(
    ("known", "minutes", "expected"),
    [
        (Acquaintance(), 0, Welcome.NEW),
        (Acquaintance(proofs=1), 0, Welcome.NEW),
        (Acquaintance(NOON), 4.9, Welcome.EARLY),
        (Acquaintance(NOON), 5, Welcome.RETURNED),
        (Acquaintance(NOON, proofs=1), 4, Welcome.EARLY),
        (Acquaintance(NOON, passed=True, proofs=1), 1, Welcome.PASSED),
        (Acquaintance(proofs=2), 0, Welcome.PROVEN),
        (Acquaintance(NOON, passed=True, proofs=2), 0, Welcome.PROVEN),
    ],
)
def test_a_message_is_met_by_what_is_known(known: Acquaintance, minutes: float, expected: Welcome) -> None:
    assert welcome(known, NOON + timedelta(minutes=minutes), SITE) is expected


def test_a_message_is_client_sender_and_recipient_whatever_their_case() -> None:
    one = triplet_of(CLIENT, "A@Client.Example", "B@own.example")

    assert one == triplet_of(CLIENT, "a@client.example", "b@own.example")
    others = {
        triplet_of("192.0.3.0/24", "a@client.example", "b@own.example"),
        triplet_of(CLIENT, "", "b@own.example"),
        triplet_of(CLIENT, "b@own.example", "a@client.example"),
    }
    assert len({one, *others}) == 4
    assert "client" not in one


@dataclass
class Site:
    """Two receivers with the same records, under one clock."""

    records: MemoryGreylist = field(default_factory=MemoryGreylist)
    minutes: float = 0

    def __post_init__(self) -> None:
        self.outages = Outages(MemoryOutages(), "p1", now=self.now)
        self.one, self.other = (self.receiver() for _ in range(2))

    def receiver(self) -> Greylist:
        return Greylist(SITE, self.records, self.outages, now=self.now, clock=lambda: self.minutes * 60)

    def now(self) -> datetime:
        return NOON + timedelta(minutes=self.minutes)


@pytest.mark.parametrize(
    ("client", "network"),
    [("192.0.2.7", "192.0.2.0/24"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64")],
)
def test_neighbours_are_one_client(client: str, network: str) -> None:
    assert Site().one.network_of(client_address(client)) == network


async def test_a_message_passes_when_it_comes_again_in_time_and_from_then_on() -> None:
    site = Site()
    async with site.one as greylist:
        assert not await greylist.lets_pass(CLIENT, *MESSAGE)
        site.minutes = 4
        assert not await greylist.lets_pass(CLIENT, *MESSAGE)
        site.minutes = 5
        assert await greylist.lets_pass(CLIENT, *MESSAGE)
        site.minutes = 60 * 24 * 30
        assert await greylist.lets_pass(CLIENT, *MESSAGE)


async def test_a_message_that_comes_again_too_late_is_new() -> None:
    site = Site()
    async with site.one as greylist:
        await greylist.lets_pass(CLIENT, *MESSAGE)
        await until(lambda: len(site.records.met) == 1)
        site.minutes = 60 * 49

        assert not await greylist.lets_pass(CLIENT, *MESSAGE)


async def test_what_one_receiver_met_another_knows() -> None:
    site = Site()
    async with site.one, site.other:
        await site.one.lets_pass(CLIENT, *MESSAGE)
        await until(lambda: len(site.records.met) == 1)
        site.minutes = 5

        assert await site.other.lets_pass(CLIENT, *MESSAGE)


async def test_a_client_is_proven_by_messages_that_came_again() -> None:
    site = Site()
    async with site.one as greylist:
        for minutes in (0, 5):
            site.minutes = minutes
            for number in range(2):
                await greylist.lets_pass(CLIENT, f"a{number}@client.example", "b@own.example")
        await until(lambda: sum(one.passed_at is not None for one in site.records.met.values()) == 2)

        assert await greylist.lets_pass(CLIENT, "new@client.example", "b@own.example")
        assert greylist.knows(CLIENT)
        assert not await greylist.lets_pass("198.51.100.0/24", "new@client.example", "b@own.example")


async def test_a_proven_client_stays_so_while_it_sends() -> None:
    site = Site()
    for number in range(2):
        await proven_message(site, number)
    async with site.one as greylist:
        for day in range(10, 200, 30):
            site.minutes = 60 * 24 * day
            assert await greylist.lets_pass(CLIENT, f"new{day}@client.example", "b@own.example")
            await until(lambda: site.records.until() == {site.now() + SITE.remembered})


async def proven_message(site: Site, number: int) -> None:
    async with site.receiver() as greylist:
        site.minutes = 0
        await greylist.lets_pass(CLIENT, f"a{number}@client.example", "b@own.example")
        site.minutes = 5
        await greylist.lets_pass(CLIENT, f"a{number}@client.example", "b@own.example")


async def test_a_receiver_that_ends_writes_what_it_met() -> None:
    site = Site()
    async with site.one as greylist:
        await greylist.lets_pass(CLIENT, *MESSAGE)

    assert len(site.records.met) == 1


async def test_while_the_records_are_away_messages_pass() -> None:
    site = Site(MemoryGreylist(away=True))
    async with site.one as greylist:
        assert await greylist.lets_pass(CLIENT, *MESSAGE)
        assert [outage.subject for outage in site.outages.known] == ["greylist"]

        site.records.away = False
        assert not await greylist.lets_pass(CLIENT, *MESSAGE)
        assert site.outages.known == ()


async def test_what_could_not_be_written_is_written_later() -> None:
    site = Site()
    async with site.one as greylist:
        await greylist.lets_pass(CLIENT, *MESSAGE)
        site.records.away = True
        asked = site.records.asked
        await until(lambda: site.records.asked > asked)
        site.records.away = False

        await until(lambda: len(site.records.met) == 1)


async def test_messages_pass_when_no_more_can_be_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greylisting, "MOST_UNWRITTEN", 1)
    site = Site()

    assert not await site.one.lets_pass(CLIENT, *MESSAGE)
    assert await site.one.lets_pass(CLIENT, "c@client.example", "b@own.example")
    assert not await site.one.lets_pass(CLIENT, *MESSAGE)


async def test_what_is_over_is_forgotten_when_a_receiver_begins() -> None:
    site = Site()
    await proven_message(site, 1)
    site.minutes = 60 * 24 * 40
    async with site.one:
        await until(lambda: not site.records.met)
