"""Connections to next hops: kept open for the next message, within limits per host and in total."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakSet

from gateway.domain.mail import Envelope
from gateway.domain.statistics import Counter, Peak, nobody_counts, nobody_measures
from gateway.domain.ttlcache import TtlCache
from services.sender.content import Content
from services.sender.conversation import Conversation
from services.sender.hosts import Answers, Host
from services.sender.lanes import Busy, Lane
from services.sender.pacing import Pace
from services.sender.session import CLOSING, Interrupted, Session

WAIT_SECONDS = 5.0
"""How long a mail waits while all sessions with all hosts are in use; then it goes back to the queue, and"""
PUT_OFF_SECONDS = 10.0
"""comes again after that."""
GOODBYE_SECONDS = 2.0
"""How long hosts may take to say goodbye when the process ends."""
MOST_PACES = 10_000
PACE_SECONDS = 3600.0
"""How many hosts are remembered by their pace, and for how long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many connections there may be, and how long they are kept."""

    total: int
    per_host: int
    idle_seconds: float = 20.0  # servers begin to hang up after 30 seconds to 5 minutes
    messages_each: int = 100  # many servers refuse more in one session


class Connections:
    """Hands messages to hosts over as few connections as possible."""

    def __init__(
        self,
        connect: Callable[[Host], Awaitable[Conversation]],
        limits: Limits,
        *,
        count: Callable[[Counter], None] = nobody_counts,
        reach: Callable[[Peak, int], None] = nobody_measures,
    ) -> None:
        self._connect = connect
        self._limits = limits
        self._count = count
        self._reach = reach
        self._slots = asyncio.Semaphore(limits.total)
        self._lanes: dict[tuple[str, int], Lane] = {}  # by the places of hosts
        self._paces: TtlCache[tuple[str, int], Pace] = TtlCache(MOST_PACES, time.monotonic)
        self._kept: OrderedDict[Conversation, float] = OrderedDict()  # until when, the oldest first
        self._expiring: asyncio.TimerHandle | None = None
        self._open: WeakSet[Session] = WeakSet()  # all of them, also those that wait for a goodbye
        self._talking = 0

    @property
    def open(self) -> int:
        """Sessions that are open, those that nobody uses now too."""
        return sum(not session.is_closed for session in self._open)

    async def deliver(self, host: Host, envelope: Envelope, content: Content) -> Answers:
        """One transaction with `host`.

        Raises `Interrupted`, or `Busy` when its connections are in use.
        """
        lane, talk = self._lane(host), object()
        try:
            if refusal := lane.pace.resting(_now()):
                self._count(Counter.FAILED_THROUGH_CACHE)
                raise Interrupted(refusal.reason, code=refusal.code, enhanced=refusal.enhanced)
            await lane.enter(talk)
            await self._take_slot()
            try:
                return await self._talk(host, lane, envelope, content)
            finally:
                self._talking -= 1
                self._slots.release()
        finally:
            lane.leave(talk)
            if lane.idle:
                self._lanes.pop(host.place, None)

    async def close(self) -> None:
        """Leave all hosts."""
        while self._kept:
            self._leave_oldest()
        if self._expiring:
            self._expiring.cancel()
        goodbyes = [asyncio.ensure_future(session.closed()) for session in self._open]
        if goodbyes:
            _, silent = await asyncio.wait(goodbyes, timeout=GOODBYE_SECONDS)
            for goodbye in silent:
                goodbye.cancel()
        for session in list(self._open):
            session.abandon("we are closing")

    def _lane(self, host: Host) -> Lane:
        lane = self._lanes.get(host.place)
        if lane is None:
            pace = self._paces.get(host.place) or Pace(self._limits.per_host)
            self._paces.put(host.place, pace, PACE_SECONDS)
            lane = self._lanes[host.place] = Lane(pace)
        return lane

    async def _take_slot(self) -> None:
        if self._slots.locked():
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._slots.acquire()
            except TimeoutError:
                raise Busy("as many sessions are open as there may be", PUT_OFF_SECONDS) from None
        else:
            await self._slots.acquire()
        self._talking += 1

    async def _talk(self, host: Host, lane: Lane, envelope: Envelope, content: Content) -> Answers:
        answers = await self._over_a_kept_one(host, envelope, content)
        if answers is None:
            conversation = await self._opened(host, lane)
            try:
                answers = await self._hand_over(conversation, envelope, content)
            except Interrupted as interrupted:
                self._count(Counter.OUTGOING_CONNECTION_ERRORS)
                if interrupted.code == CLOSING:
                    lane.pace.bears(lane.talking - 1, _now())
                raise
        lane.pace.worked(_now())
        return answers

    async def _over_a_kept_one(self, host: Host, envelope: Envelope, content: Content) -> Answers | None:
        kept = self._find_kept(host)
        if kept is None:
            return None
        try:
            return await self._hand_over(kept, envelope, content)
        except Interrupted as interrupted:
            if interrupted.unsure:
                self._count(Counter.OUTGOING_CONNECTION_ERRORS)
                raise
            # It was closed while nobody looked: that says nothing about the host.
            return None

    async def _opened(self, host: Host, lane: Lane) -> Conversation:
        """A new session. Raises `Interrupted`, or `Busy` when the host has enough of those that go on."""
        self._make_room(host, lane)
        try:
            conversation = await self._connect(host)
        except Interrupted as interrupted:
            self._count(Counter.OUTGOING_CONNECTIONS_FAILED)
            others = lane.talking - 1
            if interrupted.code and others:
                lane.pace.bears(others, _now())
                lane.turn_away()
            if interrupted.code:
                lane.pace.refused(interrupted, _now())
            raise
        self._open.add(conversation.session)
        self._count(Counter.OUTGOING_CONNECTIONS)
        self._reach(Peak.OUTGOING_CONNECTIONS, self.open)
        return conversation

    async def _hand_over(self, conversation: Conversation, envelope: Envelope, content: Content) -> Answers:
        answers = await conversation.deliver(envelope, content)
        if conversation.transactions < self._limits.messages_each and conversation.usable:
            self._keep(conversation)
        else:
            conversation.leave()
        return answers

    def _find_kept(self, host: Host) -> Conversation | None:
        # The one used last is the least likely to have been closed by the host.
        for conversation in reversed(self._kept):
            if conversation.host == host:
                del self._kept[conversation]
                if conversation.usable:
                    return conversation
                conversation.leave()
                return self._find_kept(host)
        return None

    def _make_room(self, host: Host, lane: Lane) -> None:
        """Leave sessions that nobody uses, before another one breaks a limit."""
        here = [kept for kept in self._kept if kept.host.place == host.place]
        for kept in here[: max(lane.talking + len(here) - lane.pace.limit, 0)]:
            del self._kept[kept]
            kept.leave()
        while self._kept and self._talking + len(self._kept) > self._limits.total:
            self._leave_oldest()

    def _keep(self, conversation: Conversation) -> None:
        self._kept[conversation] = _now() + self._limits.idle_seconds
        self._wait_for_the_oldest()

    def _wait_for_the_oldest(self) -> None:
        # One timer for all of them: a busy session comes and goes a thousand times a second.
        if self._expiring is None and self._kept:
            oldest = next(iter(self._kept.values()))
            self._expiring = asyncio.get_running_loop().call_at(oldest, self._expire)

    def _expire(self) -> None:
        self._expiring = None
        while self._kept and next(iter(self._kept.values())) <= _now():
            self._leave_oldest()
        self._wait_for_the_oldest()

    def _leave_oldest(self) -> None:
        conversation, _ = self._kept.popitem(last=False)
        conversation.leave()


def _now() -> float:
    return asyncio.get_running_loop().time()
