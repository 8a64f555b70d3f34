from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.routes import Route
from gateway.runtime.outages import Outages
from services.receiver.probing import Away, NoAnswer, Prober
from services.receiver.recipients import AWAY_FOR, Checking, Existence, Recipients
from tests.support.mails import NOON
from tests.support.records import MemoryOutages
from tests.support.zones import ZoneDns

BOB = "bob@own.example"
ROUTES = (Route("*@own.example", "127.0.0.1", 2525), Route("*@other.example", "127.0.0.2", 25))


class TellingProber(Prober):
    """Says what it was told to say, and remembers whom it was asked about."""

    def __init__(self, answers: Mapping[str, bool | NoAnswer]) -> None:
        super().__init__(ZoneDns({}), "gw.example")
        self.answers = dict(answers)
        self.asked: list[tuple[str, str]] = []

    async def ask(self, route: Route, address: str) -> bool:
        self.asked.append((route.host, address))
        await asyncio.sleep(0)
        answer = self.answers[address.lower()]
        if isinstance(answer, NoAnswer):
            raise answer
        return answer


@dataclass
class Desk:
    """Recipients under a clock that stands until it is moved."""

    checking: Checking
    answers: Mapping[str, bool | NoAnswer] = field(default_factory=dict)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.prober = TellingProber(self.answers)
        self.outages = Outages(MemoryOutages(), "p1", now=lambda: NOON)
        self.recipients = Recipients(self.checking, self.prober, self.outages, clock=lambda: self.now)

    async def says(self, address: str) -> Existence:
        known = self.recipients.known(address)
        return await self.recipients.asked(address) if known is Existence.UNSURE else known


def asking(answers: Mapping[str, bool | NoAnswer]) -> Desk:
    return Desk(Checking(ask_next_hop=True, routes=ROUTES), answers)


async def test_a_list_says_who_exists() -> None:
    desk = Desk(Checking(known=(BOB, "info-*@own.example")))

    assert await desk.says("Bob@Own.Example") is Existence.EXISTS
    assert await desk.says("info-sales@own.example") is Existence.EXISTS
    assert await desk.says("carol@own.example") is Existence.UNKNOWN


async def test_who_is_on_the_list_is_not_asked_for() -> None:
    desk = Desk(Checking(known=(BOB,), ask_next_hop=True, routes=ROUTES), {"carol@own.example": True})

    assert await desk.says(BOB) is Existence.EXISTS
    assert await desk.says("carol@own.example") is Existence.EXISTS
    assert desk.prober.asked == [("127.0.0.1", "carol@own.example")]


async def test_the_next_hop_of_the_first_route_is_asked() -> None:
    desk = asking({BOB: True, "eve@other.example": False})

    assert await desk.says(BOB) is Existence.EXISTS
    assert await desk.says("eve@other.example") is Existence.UNKNOWN
    assert desk.prober.asked == [("127.0.0.1", BOB), ("127.0.0.2", "eve@other.example")]


async def test_who_has_no_route_is_taken_unasked() -> None:
    desk = asking({})

    assert await desk.says("a@elsewhere.example") is Existence.EXISTS
    assert not desk.prober.asked


async def test_an_answer_is_remembered_for_its_time() -> None:
    desk = asking({BOB: True, "eve@own.example": False})
    await desk.says(BOB)
    await desk.says("eve@own.example")

    desk.now = 599
    assert await desk.says("BOB@own.example") is Existence.EXISTS
    assert await desk.says("eve@own.example") is Existence.UNKNOWN
    assert len(desk.prober.asked) == 2

    desk.now = 600
    await desk.says(BOB)
    await desk.says("eve@own.example")
    assert len(desk.prober.asked) == 3


async def test_many_who_ask_for_the_same_ask_once() -> None:
    desk = asking({BOB: True})

    assert set(await asyncio.gather(*(desk.says(BOB) for _ in range(5)))) == {Existence.EXISTS}
    assert len(desk.prober.asked) == 1


async def test_a_next_hop_that_is_away_is_not_asked_for_a_while_and_told_of() -> None:
    desk = asking({BOB: Away("connection refused"), "eve@other.example": False})

    assert await desk.says(BOB) is Existence.UNSURE
    assert await desk.says("carol@own.example") is Existence.UNSURE
    assert await desk.says("eve@other.example") is Existence.UNKNOWN
    assert len(desk.prober.asked) == 2
    assert [(outage.subject, outage.reason) for outage in desk.outages.known] == [
        ("next hop 127.0.0.1:2525, asked for recipients", "connection refused")
    ]

    desk.now = AWAY_FOR
    desk.prober.answers[BOB] = True
    assert await desk.says(BOB) is Existence.EXISTS
    assert desk.outages.known == ()


async def test_no_answer_about_one_recipient_says_nothing_of_others() -> None:
    desk = asking({BOB: NoAnswer("450 later"), "carol@own.example": True})

    assert await desk.says(BOB) is Existence.UNSURE
    assert await desk.says("carol@own.example") is Existence.EXISTS
    assert desk.outages.known == ()


async def test_who_asks_no_longer_does_not_stop_the_others() -> None:
    desk = asking({BOB: True})
    first, second = (asyncio.create_task(desk.says(BOB)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert await second is Existence.EXISTS
