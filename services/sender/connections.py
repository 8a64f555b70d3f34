"""Connections to next hops: kept open for the next message, within limits per host and in total."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakSet

from gateway.domain.mail import Envelope
from services.sender.content import Content
from services.sender.conversation import Conversation
from services.sender.hosts import Answers, Host
from services.sender.session import Interrupted

WAIT_SECONDS = 15.0
"""How long a mail waits for a free connection before it goes back to the queue."""
STANDSTILL_SECONDS = 5.0
"""A host whose connections are all busy, and none was freed or taken for so long: nobody queues up for it."""
GOODBYE_SECONDS = 2.0
"""How long hosts may take to say goodbye when the process ends."""


class Busy(Exception):
    """No connection is free: nothing was tried, and the mail may come again soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many connections there may be, and how long they are kept."""

    total: int
    per_host: int
    idle_seconds: float = 20.0  # servers begin to hang up after 30 seconds to 5 minutes
    messages_each: int = 100  # many servers refuse more in one session


class _Lane:
    """What we have open to one host."""

    def __init__(self, limit: int, now: float) -> None:
        self.free = asyncio.Semaphore(limit)
        self.users = 0  # those who talk and those who wait
        self.moved_at = now  # when somebody last took or freed a connection


class Connections:
    """Hands messages to hosts over as few connections as possible."""

    def __init__(self, connect: Callable[[Host], Awaitable[Conversation]], limits: Limits) -> None:
        self._connect = connect
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.total)
        self._lanes: dict[Host, _Lane] = {}
        self._kept: OrderedDict[Conversation, asyncio.TimerHandle] = OrderedDict()  # oldest first
        self._open: WeakSet[Conversation] = WeakSet()  # all of them, also those that wait for a goodbye
        self._talking = 0

    async def deliver(self, host: Host, envelope: Envelope, content: Content) -> Answers:
        """One transaction with `host`. Raises `Interrupted`, or `Busy` when its connections are in use."""
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(host)
        if lane is None:
            lane = self._lanes[host] = _Lane(self._limits.per_host, loop.time())
        if lane.free.locked() and loop.time() - lane.moved_at > STANDSTILL_SECONDS:
            raise Busy(f"{host} is slow, and all connections to it are in use")

        lane.users += 1
        try:
            await self._take(lane)
            lane.moved_at = loop.time()
            try:
                return await self._talk(host, envelope, content)
            finally:
                self._talking -= 1
                self._slots.release()
                lane.free.release()
                lane.moved_at = loop.time()
        finally:
            lane.users -= 1
            if not lane.users:
                del self._lanes[host]

    async def close(self) -> None:
        """Leave all hosts."""
        for conversation in list(self._kept):
            self._forget(conversation)
            conversation.leave()
        goodbyes = [asyncio.ensure_future(conversation.closed()) for conversation in self._open]
        if goodbyes:
            _, silent = await asyncio.wait(goodbyes, timeout=GOODBYE_SECONDS)
            for goodbye in silent:
                goodbye.cancel()
        for conversation in list(self._open):
            conversation.abandon("we are closing")

    async def _take(self, lane: _Lane) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await lane.free.acquire()
                try:
                    await self._slots.acquire()
                except BaseException:
                    lane.free.release()
                    raise
        except TimeoutError:
            raise Busy("all connections are in use") from None
        self._talking += 1

    async def _talk(self, host: Host, envelope: Envelope, content: Content) -> Answers:
        kept = self._find_kept(host)
        if kept:
            try:
                return await self._hand_over(kept, envelope, content)
            except Interrupted as interrupted:
                if interrupted.unsure:
                    raise
                # It was closed while nobody looked: that says nothing about the host.
        self._make_room()
        conversation = await self._connect(host)
        self._open.add(conversation)
        return await self._hand_over(conversation, envelope, content)

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
                self._forget(conversation)
                if conversation.usable:
                    return conversation
                conversation.leave()
                return self._find_kept(host)
        return None

    def _make_room(self) -> None:
        while self._kept and self._talking + len(self._kept) > self._limits.total:
            oldest = next(iter(self._kept))
            self._forget(oldest)
            oldest.leave()

    def _keep(self, conversation: Conversation) -> None:
        loop = asyncio.get_running_loop()
        self._kept[conversation] = loop.call_later(self._limits.idle_seconds, self._expire, conversation)

    def _expire(self, conversation: Conversation) -> None:
        self._forget(conversation)
        conversation.leave()

    def _forget(self, conversation: Conversation) -> None:
        self._kept.pop(conversation).cancel()
