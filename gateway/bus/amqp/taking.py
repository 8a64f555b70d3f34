"""Taking mail of one stage off the broker, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from aiormq import Channel, spec
from aiormq.abc import DeliveredMessage

from gateway.bus import wire
from gateway.bus.amqp.link import CLOSE_TIMEOUT, FIRST_PAUSE, Link, Lost, lost
from gateway.bus.intake import Intake
from gateway.bus.taken import End, Taken
from gateway.domain.errors import TemporaryFailure
from gateway.domain.mail import Mail

log = logging.getLogger(__name__)


class Taker:
    """Takes mail of two queues; after the connection was lost, over the next one."""

    def __init__(
        self, link: Link, urgent: str, others: str, prefetch: int, declare: Callable[[], Awaitable[None]]
    ) -> None:
        self._link = link
        self._queues = (urgent, others)
        self._prefetch = prefetch
        self._declare = declare
        self._hand: _Hand | None = None
        self.intake: Intake[Taken] = Intake(self._pop, prefetch)
        self._taking = asyncio.create_task(self._take_on(), name=f"take {others}")

    @property
    def is_over(self) -> bool:
        """Whether nothing more is taken, and all that was taken has ended."""
        return self.intake.left and self.intake.taken == 0

    async def leave(self) -> None:
        """Take no more, and give back what nobody has got."""
        self.intake.leave()
        self._taking.cancel()
        await asyncio.wait([self._taking])
        if self._hand is not None:
            await self._hand.give_back()

    async def close(self) -> None:
        """Give back all that has not ended."""
        if self._hand is not None:
            await self._hand.close()

    async def _take_on(self) -> None:
        while True:
            try:
                self._hand = _Hand(await self._link.channel(confirms=False), self.intake)
                await self._hand.reach_out(*self._queues, self._prefetch)
                await self._hand.lost()
            except Lost as error:
                log.warning("no mail can be taken from %s now: %s", self._queues[1], error)
            if self._hand is not None:
                await self._hand.close()
            await asyncio.sleep(FIRST_PAUSE)
            with suppress(TemporaryFailure):
                await self._declare()

    def _pop(self) -> Taken | None:
        return None if self._hand is None else self._hand.pop()


class _Hand:
    """What was taken over one channel.

    Who ends a delivery does not wait for the connection: a task of its own tells the broker.
    """

    def __init__(self, channel: Channel, intake: Intake[Taken]) -> None:
        self._channel = channel
        self._intake = intake
        self._consumers: list[str] = []
        self._urgent: deque[tuple[int, Mail]] = deque()  # delivery tag, mail
        self._others: deque[tuple[int, Mail]] = deque()
        self._ended: deque[tuple[int, End]] = deque()
        self._some_ended = asyncio.Event()
        self._telling = asyncio.create_task(self._tell_on())
        self._refused = asyncio.get_running_loop().create_future()

    async def reach_out(self, urgent: str, others: str, prefetch: int) -> None:
        """Begin to take. Raises `Lost`."""
        self._channel.on_consumer_cancel_callbacks.add(self._on_cancel)
        with lost():
            await self._channel.basic_qos(prefetch_count=prefetch)
            for queue, arrived in ((urgent, self._urgent), (others, self._others)):
                begun = await self._channel.basic_consume(queue, partial(self._on_arrival, arrived))
                self._consumers.append(str(begun.consumer_tag))

    async def lost(self) -> None:
        """Return when nothing more can come this way."""
        await asyncio.wait([self._channel.closing, self._refused], return_when=asyncio.FIRST_COMPLETED)

    def pop(self) -> Taken | None:
        """The next mail, if one has arrived."""
        for arrived in (self._urgent, self._others):
            if arrived:
                tag, mail = arrived.popleft()
                return Taken(mail, partial(self._on_end, tag), reachable=self._is_reachable)
        return None

    async def give_back(self) -> None:
        """Take no more, and give back what has arrived. What was handed out can still be ended."""
        with suppress(Lost, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                with lost():
                    for consumer in self._consumers:
                        await self._channel.basic_cancel(consumer)
        for arrived in (self._urgent, self._others):
            while arrived:
                self._note(arrived.popleft()[0], End.AGAIN)

    async def close(self) -> None:
        """Tell the broker what has ended; it gives out all else again."""
        self._telling.cancel()
        await asyncio.wait([self._telling])
        with suppress(Lost, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                with lost():
                    await self._tell()
                    await self._channel.close()
        self._urgent.clear()
        self._others.clear()

    async def _on_arrival(self, arrived: deque[tuple[int, Mail]], message: DeliveredMessage) -> None:
        tag = message.delivery_tag or 0
        try:
            mail = wire.decode(message.body)
        except wire.UndecodableMail as error:
            log.error("what came from %s is no mail, and is parked: %s", message.routing_key, error)
            self._note(tag, End.DEAD)
            return
        if self._intake.left:
            self._note(tag, End.AGAIN)
            return
        arrived.append((tag, mail))
        self._intake.wake()

    def _is_reachable(self) -> bool:
        return not self._channel.closing.done()

    def _on_end(self, tag: int, how: End) -> None:
        self._note(tag, how)
        self._intake.ended()

    def _on_cancel(self, _: spec.Basic.Cancel) -> None:
        # The queue is gone: it has to be made before anything can be taken from it.
        if not self._refused.done():
            self._refused.set_result(None)

    def _note(self, tag: int, how: End) -> None:
        self._ended.append((tag, how))
        self._some_ended.set()

    async def _tell_on(self) -> None:
        with suppress(Lost), lost():
            while True:
                await self._some_ended.wait()
                self._some_ended.clear()
                await self._tell()

    async def _tell(self) -> None:
        while self._ended:
            tag, how = self._ended[0]
            if how is End.DONE:
                await self._channel.basic_ack(tag, wait=False)
            else:
                await self._channel.basic_nack(tag, requeue=how is End.AGAIN, wait=False)
            # Only now: it has been told if and only if this is reached.
            self._ended.popleft()
