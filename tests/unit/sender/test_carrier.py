from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.dns.client import AresDns, Asking
from gateway.domain.journey import Answer
from gateway.domain.statistics import Counter as Statistic
from gateway.domain.tls import OutgoingTls, TlsRule
from gateway.runtime.orders import StandingOrders
from services.sender.carrier import Carrier
from services.sender.connections import Connections, Limits
from services.sender.ourselves import Ourselves
from services.sender.protecting import Protector
from services.sender.resolving import Resolver
from services.sender.routing import Destination
from services.sender.security import TlsRules
from tests.support.dns import dns_server
from tests.support.mails import an_envelope
from tests.support.sending import content, meet
from tests.support.smtp_peer import HANG_UP, SmtpPeer, smtp_peer

# Nobody listens on 127.0.0.2 at the port of a peer, so that host is down.
ZONE = {
    "up.example MX": ["10 up.example"],
    "half.example MX": ["10 down.example", "20 up.example"],
    "twice.example MX": ["10 up.example", "20 same.example"],
    "many.example MX": ["10 many.example"],
    "many.example A": [f"127.0.0.{last}" for last in range(2, 10)] + ["127.0.0.1"],
    "up.example A": ["127.0.0.1"],
    "same.example A": ["127.0.0.1"],
    "down.example A": ["127.0.0.2"],
    "also.down.example A": ["127.0.0.2"],
    "null.example MX": ["0 ."],
    "broken.example FAIL": [],
}


@asynccontextmanager
async def a_carrier(
    rules: TlsRules | None = None,
    counted: Counter[Statistic] | None = None,
    orders: StandingOrders | None = None,
) -> AsyncIterator[Carrier]:
    orders = orders or StandingOrders()
    counted = Counter() if counted is None else counted
    async with dns_server(ZONE) as dns:
        asked = AresDns(Asking(servers=(dns.address,)))
        connections = Connections(meet, Limits(total=20, per_host=4))
        try:
            yield Carrier(
                Resolver(asked, Ourselves("gw.example")),
                Protector(rules or TlsRules()),
                connections,
                unreachable_ttl=600,
                count=lambda one: counted.update([one]),
                tries_again=lambda: orders.tries_again,
            )
        finally:
            await connections.close()
            await asked.close()


async def send(carrier: Carrier, peer: SmtpPeer, domain: str) -> tuple[Answer, str, str]:
    answers = await carrier.deliver(Destination(domain, peer.port, by_mx=True), an_envelope(), content())
    (reply,) = answers.replies
    return reply.answer, reply.enhanced, reply.server


async def test_a_host_that_could_not_be_reached_is_tried_when_an_operator_wants_it() -> None:
    orders, answers = StandingOrders(), []
    async with smtp_peer() as peer, a_carrier(orders=orders) as carrier:
        peer.answers["greeting"] = HANG_UP
        await send(carrier, peer, "up.example")
        peer.answers.clear()
        answers.append((await send(carrier, peer, "up.example"))[0])
        orders.try_again()
        answers.append((await send(carrier, peer, "up.example"))[0])

    assert answers == [Answer.LATER, Answer.DELIVERED]


async def test_the_next_host_is_asked_when_one_is_down() -> None:
    async with smtp_peer() as peer, a_carrier() as carrier:
        answer, _, server = await send(carrier, peer, "half.example")

    assert (answer, server) == (Answer.DELIVERED, "up.example [127.0.0.1]")


async def test_the_next_host_is_asked_when_one_breaks_off() -> None:
    async with smtp_peer() as peer, a_carrier() as carrier:
        peer.answers["RCPT"] = HANG_UP
        answer, _, server = await send(carrier, peer, "twice.example")

    assert (answer, server) == (Answer.LATER, "same.example [127.0.0.1]")
    assert peer.sessions == 2


async def test_no_other_host_is_asked_when_one_may_have_the_message() -> None:
    async with smtp_peer() as peer, a_carrier() as carrier:
        peer.answers["."] = HANG_UP
        answer, _, _ = await send(carrier, peer, "twice.example")

    assert answer is Answer.LATER
    assert len(peer.received) == peer.sessions == 1


@pytest.mark.parametrize(
    ("reply", "answer"), [("550 5.1.1 no", Answer.REFUSED), ("450 4.2.0 no", Answer.LATER)]
)
async def test_what_a_host_says_of_a_recipient_counts(reply: str, answer: Answer) -> None:
    async with smtp_peer() as peer, a_carrier() as carrier:
        peer.answers["RCPT"] = reply
        said, _, _ = await send(carrier, peer, "twice.example")

    assert said is answer
    assert peer.sessions == 1


async def test_not_all_of_many_hosts_are_asked_at_one_try() -> None:
    async with smtp_peer() as peer, a_carrier() as carrier:
        first = await send(carrier, peer, "many.example")
        second = await send(carrier, peer, "many.example")

    assert first[0] is Answer.LATER
    assert second[0] is Answer.DELIVERED


@pytest.mark.parametrize(
    ("domain", "answer", "status"),
    [
        ("null.example", Answer.REFUSED, "5.1.10"),
        ("unknown.example", Answer.REFUSED, "5.1.2"),
        ("broken.example", Answer.LATER, "4.4.3"),
    ],
)
async def test_a_domain_without_hosts_is_an_answer_too(domain: str, answer: Answer, status: str) -> None:
    async with smtp_peer() as peer, a_carrier() as carrier:
        said = await send(carrier, peer, domain)

    assert said == (answer, status, "")
    assert peer.sessions == 0


async def test_a_host_that_is_down_is_not_tried_again_soon_by_whatever_name() -> None:
    counted: Counter[Statistic] = Counter()
    async with smtp_peer() as peer, a_carrier(counted=counted) as carrier:
        first = await send(carrier, peer, "down.example")
        again = await send(carrier, peer, "also.down.example")

    assert first == (Answer.LATER, "4.4.1", "down.example [127.0.0.2]")
    assert again == (Answer.LATER, "4.4.1", "also.down.example [127.0.0.2]")
    assert counted == {Statistic.FAILED_THROUGH_CACHE: 1}


async def test_a_host_without_the_security_it_has_to_offer_may_do_for_others() -> None:
    counted: Counter[Statistic] = Counter()
    rules = TlsRules(rules=[TlsRule("up.example", OutgoingTls.ENCRYPT)])
    async with smtp_peer() as peer, a_carrier(rules, counted) as carrier:
        first = await send(carrier, peer, "up.example")
        again = await send(carrier, peer, "up.example")
        other = await send(carrier, peer, "twice.example")

    assert first[:2] == again[:2] == (Answer.LATER, "4.7.4")
    assert other[0] is Answer.DELIVERED
    assert counted == {Statistic.FAILED_THROUGH_CACHE: 1}
    assert peer.sessions == 2


async def test_the_next_host_is_asked_when_one_refuses_a_session() -> None:
    async with smtp_peer() as peer, a_carrier() as carrier:
        peer.answers["greeting"] = "421 4.3.2 too busy"
        answer = await send(carrier, peer, "twice.example")

    # The second one is the same machine, which wants to be left alone.
    assert answer == (Answer.LATER, "4.3.2", "same.example [127.0.0.1]")
    assert peer.sessions == 1


@pytest.mark.parametrize(
    ("reply", "counter"),
    [
        ("552 5.3.4 too large", Statistic.FAILED_FOR_MESSAGE_SIZE),
        ("554 5.6.3 no eight bits", Statistic.FAILED_FOR_8BITMIME),
    ],
)
async def test_some_reasons_are_counted(reply: str, counter: Statistic) -> None:
    counted: Counter[Statistic] = Counter()
    async with smtp_peer() as peer, a_carrier(counted=counted) as carrier:
        peer.answers["."] = reply
        await send(carrier, peer, "up.example")

    assert counted == {counter: 1}
