from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.dns.client import AresDns, Asking
from gateway.domain.journey import Answer
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
    "null.example MX": ["0 ."],
    "broken.example FAIL": [],
}


@asynccontextmanager
async def a_carrier() -> AsyncIterator[Carrier]:
    async with dns_server(ZONE) as dns:
        asked = AresDns(Asking(servers=(dns.address,)))
        connections = Connections(meet, Limits(total=20, per_host=4))
        try:
            yield Carrier(
                Resolver(asked, Ourselves(name="gw.example")),
                Protector(TlsRules()),
                connections,
                unreachable_ttl=600,
            )
        finally:
            await connections.close()
            await asked.close()


async def send(carrier: Carrier, peer: SmtpPeer, domain: str) -> tuple[Answer, str, str]:
    answers = await carrier.deliver(Destination(domain, peer.port, by_mx=True), an_envelope(), content())
    (reply,) = answers.replies
    return reply.answer, reply.enhanced, reply.server


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
