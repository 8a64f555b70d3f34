from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.domain.journey import Answer
from gateway.domain.statistics import Counter as Statistic
from gateway.domain.statistics import Peak
from services.sender import connections as connections_module
from services.sender import lanes as lanes_module
from services.sender.connections import Connections, Limits
from services.sender.lanes import Busy
from services.sender.session import Interrupted
from tests.support.mails import an_envelope
from tests.support.sending import at, content, meet
from tests.support.smtp_peer import HANG_UP, SmtpPeer, smtp_peer
from tests.support.waiting import until


@asynccontextmanager
async def some_connections(
    *,
    total: int = 20,
    per_host: int = 4,
    idle_seconds: float = 60.0,
    messages_each: int = 100,
    counted: Counter[Statistic] | None = None,
    peaks: dict[Peak, int] | None = None,
) -> AsyncIterator[Connections]:
    counted = Counter() if counted is None else counted
    peaks = {} if peaks is None else peaks

    def reach(peak: Peak, value: int) -> None:
        peaks[peak] = max(value, peaks.get(peak, 0))

    limits = Limits(total=total, per_host=per_host, idle_seconds=idle_seconds, messages_each=messages_each)
    connections = Connections(meet, limits, count=lambda one: counted.update([one]), reach=reach)
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
    monkeypatch.setattr(connections_module, "WAIT_SECONDS", 0.05)
    async with smtp_peer() as peer, smtp_peer() as other, some_connections(total=1) as connections:
        peer.hold = asyncio.Event()
        first = asyncio.create_task(send(connections, peer))
        await until(lambda: "DATA" in peer.commands)
        with pytest.raises(Busy):
            await send(connections, other)
        peer.hold.set()
        await first

    assert len(peer.received) == 1
    assert not other.commands


async def test_nobody_queues_up_for_a_host_that_crawls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "LONGEST_QUEUE", 0.05)
    async with smtp_peer() as crawling, smtp_peer() as quick, some_connections(per_host=1) as connections:
        crawling.hold = asyncio.Event()
        first = asyncio.create_task(send(connections, crawling))
        await until(lambda: "DATA" in crawling.commands)
        with pytest.raises(Busy, match="are in use") as busy:
            await send(connections, crawling)
        await send(connections, quick)
        crawling.hold.set()
        await first

    assert busy.value.after >= 1
    assert len(quick.received) == 1


@pytest.mark.parametrize("greeting", ["421 4.7.0 slow down", "450 4.7.1 not now", "554 5.7.1 not you"])
async def test_a_host_that_refuses_a_session_is_left_alone_for_a_while(greeting: str) -> None:
    counted: Counter[Statistic] = Counter()
    async with smtp_peer() as peer, some_connections(counted=counted) as connections:
        peer.answers["greeting"] = greeting
        for _ in range(3):
            with pytest.raises(Interrupted) as interrupted:
                await send(connections, peer)

    assert (interrupted.value.code, interrupted.value.enhanced) == (int(greeting[:3]), greeting[4:9])
    assert interrupted.value.reason.startswith("not tried again so soon: ")
    assert peer.sessions == 1
    assert counted == {Statistic.OUTGOING_CONNECTIONS_FAILED: 1, Statistic.FAILED_THROUGH_CACHE: 2}


async def test_a_host_gets_no_more_sessions_than_it_bears() -> None:
    async with smtp_peer() as peer, some_connections(per_host=4) as connections:
        peer.most_sessions = 2
        sent = await asyncio.gather(
            *(connections.deliver(at(peer), an_envelope(), content()) for _ in range(4)),
            return_exceptions=True,
        )
        refused = peer.sessions - 2
        for _ in range(3):
            await send(connections, peer, 2)

    assert [type(one) for one in sent].count(Busy) == refused > 0
    assert peer.sessions == 2 + refused
    assert len(peer.received) == 4 - refused + 6


async def test_idle_sessions_of_another_kind_make_room_for_those_that_are_needed() -> None:
    async with smtp_peer() as peer, some_connections(per_host=1) as connections:
        await send(connections, peer)
        other = replace(at(peer), name="other.example")
        await connections.deliver(other, an_envelope(), content())
        await until(lambda: peer.open_sessions == 1)

    assert peer.sessions == 2
    assert peer.commands.count("QUIT") == 2


async def test_sessions_are_counted_as_they_come_and_go() -> None:
    counted: Counter[Statistic] = Counter()
    peaks: dict[Peak, int] = {}
    async with smtp_peer() as peer, some_connections(counted=counted, peaks=peaks) as connections:
        await send(connections, peer, 3)
        peer.hang_up_all()
        await send(connections, peer)
        peer.answers["."] = HANG_UP
        with pytest.raises(Interrupted):
            await send(connections, peer)

    assert counted == {Statistic.OUTGOING_CONNECTIONS: 4, Statistic.OUTGOING_CONNECTION_ERRORS: 1}
    assert peaks == {Peak.OUTGOING_CONNECTIONS: 3}


async def test_leaving_all_hosts_says_goodbye_to_each() -> None:
    async with smtp_peer() as peer:
        async with some_connections() as connections:
            await send(connections, peer, 3)

        assert peer.commands.count("QUIT") == 3
        assert peer.open_sessions == 0
