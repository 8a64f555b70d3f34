from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.domain.journey import Answer
from services.sender import connections as module
from services.sender.connections import Busy, Connections, Limits
from services.sender.session import Interrupted
from tests.support.mails import an_envelope
from tests.support.sending import at, content, meet
from tests.support.smtp_peer import HANG_UP, SmtpPeer, smtp_peer
from tests.support.waiting import until


@asynccontextmanager
async def some_connections(
    *, total: int = 20, per_host: int = 4, idle_seconds: float = 60.0, messages_each: int = 100
) -> AsyncIterator[Connections]:
    limits = Limits(total=total, per_host=per_host, idle_seconds=idle_seconds, messages_each=messages_each)
    connections = Connections(meet, limits)
    try:
        yield connections
    finally:
        await connections.close()


async def send(connections: Connections, peer: SmtpPeer, count: int = 1) -> None:
    """Messages all at once."""
    await asyncio.gather(*(connections.deliver(at(peer), an_envelope(), content()) for _ in range(count)))


async def test_one_message_after_the_other_goes_over_one_connection() -> None:
    async with smtp_peer() as peer, some_connections() as connections:
        for _ in range(5):
            await send(connections, peer)

    assert len(peer.received) == 5
    assert peer.sessions == 1


async def test_a_host_gets_no_more_connections_than_its_limit() -> None:
    async with smtp_peer() as peer, some_connections(per_host=3) as connections:
        await send(connections, peer, 30)

    assert len(peer.received) == 30
    assert peer.most_open_sessions == 3


async def test_all_hosts_together_get_no_more_than_the_total() -> None:
    async with smtp_peer() as one, smtp_peer() as other, some_connections(total=3) as connections:
        one.hold = other.hold = asyncio.Event()
        sending = asyncio.gather(send(connections, one, 10), send(connections, other, 10))
        await until(lambda: one.open_sessions + other.open_sessions == 3)
        await until(lambda: (one.commands + other.commands).count("DATA") == 3)
        open_at_once = one.sessions + other.sessions
        one.hold.set()
        await sending

    assert open_at_once == 3
    assert len(one.received) == len(other.received) == 10


async def test_a_connection_is_left_after_its_share_of_messages() -> None:
    async with smtp_peer() as peer, some_connections(messages_each=2) as connections:
        for _ in range(5):
            await send(connections, peer)

    assert [received.session for received in peer.received] == [1, 1, 2, 2, 3]


async def test_an_idle_connection_is_left_after_its_time() -> None:
    async with smtp_peer() as peer, some_connections(idle_seconds=0.01) as connections:
        await send(connections, peer)
        await until(lambda: peer.open_sessions == 0)

    assert peer.commands[-1] == "QUIT"


async def test_a_kept_connection_that_the_host_closed_is_replaced() -> None:
    async with smtp_peer() as peer, some_connections() as connections:
        await send(connections, peer)
        peer.hang_up_all()
        answers = await connections.deliver(at(peer), an_envelope(), content())

    assert answers.replies[0].answer is Answer.DELIVERED
    assert peer.sessions == 2


async def test_a_kept_connection_that_breaks_at_its_next_message_is_replaced() -> None:
    async with smtp_peer() as peer, some_connections() as connections:
        await send(connections, peer)
        peer.answers["MAIL FROM:<once"] = "421 4.4.2 idle for too long"
        with pytest.raises(Interrupted):
            await connections.deliver(at(peer), an_envelope(sender="once@a.example"), content())

    assert peer.sessions == 2


async def test_a_message_that_may_have_been_taken_is_not_sent_again_at_once() -> None:
    async with smtp_peer() as peer, some_connections() as connections:
        await send(connections, peer)
        peer.answers["."] = HANG_UP
        with pytest.raises(Interrupted) as interrupted:
            await send(connections, peer)

    assert interrupted.value.unsure
    assert len(peer.received) == 2


async def test_who_waits_too_long_for_a_connection_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    async with smtp_peer() as peer, some_connections(per_host=1) as connections:
        peer.hold = asyncio.Event()
        first = asyncio.create_task(send(connections, peer))
        await until(lambda: "DATA" in peer.commands)
        with pytest.raises(Busy):
            await send(connections, peer)
        peer.hold.set()
        await first

    assert len(peer.received) == 1


async def test_nobody_queues_up_for_a_host_that_crawls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STANDSTILL_SECONDS", -1.0)
    async with smtp_peer() as crawling, smtp_peer() as quick, some_connections(per_host=1) as connections:
        crawling.hold = asyncio.Event()
        first = asyncio.create_task(send(connections, crawling))
        await until(lambda: "DATA" in crawling.commands)
        with pytest.raises(Busy, match="is slow"):
            await send(connections, crawling)
        await send(connections, quick)
        crawling.hold.set()
        await first

    assert len(quick.received) == 1
