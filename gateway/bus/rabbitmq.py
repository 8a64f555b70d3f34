"""A bus between processes: mail lies in quorum queues of a RabbitMQ broker (3.10 or newer).

Two connections, because a broker in need stops reading the one that publishes, acknowledgements included.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from aio_pika.exceptions import ChannelNotFoundEntity
from aiormq import Channel, spec
from aiormq.abc import ArgumentsType, DeliveredMessage

from gateway.bus import port, wire
from gateway.bus.amqp import asking
from gateway.bus.amqp.link import CLOSE_TIMEOUT, FIRST_PAUSE, Link, Lost, lost, masked, parse_url
from gateway.bus.amqp.sending import Returned, Sender
from gateway.bus.amqp.taking import Taker
from gateway.bus.amqp.topology import Arguments, Topology, room_for
from gateway.bus.asking import Answer, no_answer
from gateway.bus.hearing import MOST_UNHEARD, Listener
from gateway.bus.intake import MOST_TAKES
from gateway.domain.commands import Command
from gateway.domain.errors import ConfigError, PermanentFailure, TemporaryFailure
from gateway.domain.explanation import Explanation
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage

log = logging.getLogger(__name__)

WHY_DEAD: Mapping[str, str] = MappingProxyType(
    {"delivery_limit": f"taken more than {MOST_TAKES} times without an end", "rejected": "cannot be decoded"}
)
"""What it means that the broker made a dead letter of a mail."""

SETTLING = 1.5
"""Seconds until a broker remembers a new queue even if it is killed.

RabbitMQ notes which quorum queues it has about half a second after the last change, while it confirms
what is in them at once: what was confirmed in a queue that is not noted yet, a killed broker would lose.
"""

GIVING_BACK = 0.02
LONGEST_GIVING_BACK = 1.0
"""Seconds between two looks at whether the broker has given back what a walk held, and for all of them."""

T = TypeVar("T")


class RabbitBus:
    """The port's promises for services on any number of machines."""

    def __init__(
        self, sending: Link, taking: Link, topology: Topology, publish_timeout: float, settling: float
    ) -> None:
        self._sending = sending
        self._taking = taking
        self.topology = topology
        self._timeout = publish_timeout
        self._settling = settling
        self._making = asyncio.Lock()
        self._sender = Sender(sending, publish_timeout)
        self._rooms: set[str] = set()
        self._takers: set[Taker] = set()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        namespace: str = "mailwarden",
        publish_timeout: float = 10.0,
        settling: float = SETTLING,
    ) -> RabbitBus:
        """The bus on the broker at `url`.

        A broker that does not answer for `publish_timeout` seconds is taken for away; a queue that is
        new is not used for `settling` seconds.

        Raises `ConfigError` when the broker cannot be reached, or does not let us in.
        """
        try:
            address = parse_url(url)
        except ValueError as error:
            raise ConfigError(f"[gateway.bus] Url is no address of a broker: {error}") from error
        topology = Topology(namespace)
        remedy = "start the broker, or correct [gateway.bus] Url"
        try:
            sending = await Link.open(address)
        except Lost as error:
            raise ConfigError(f"{masked(address)}: cannot use the broker: {error}; {remedy}") from error
        try:
            taking = await Link.open(address)
        except Lost as error:
            await sending.close()
            raise ConfigError(f"{masked(address)}: cannot use the broker: {error}; {remedy}") from error
        bus = cls(sending, taking, topology, publish_timeout, settling)
        try:
            await bus._declare()
        except TemporaryFailure as error:
            await bus.close()
            raise ConfigError(
                f"{masked(address)}: cannot make the queues {namespace}.*: {error};"
                " it may be that they were made otherwise: move their mail and delete them"
            ) from error
        return bus

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        """See `Bus.publish`."""
        await self._send(self.topology.ready(stage, urgent=urgent), [wire.encode(mail) for mail in mails])

    async def defer(self, stage: Stage, mail: Mail, delay: timedelta) -> None:
        """See `Bus.defer`. The delay is rounded up to that of a waiting room."""
        content = wire.encode(mail)
        seconds = room_for(delay)
        room = self.topology.room(stage, seconds)
        if room not in self._rooms:
            await self._make({room: self.topology.room_arguments(stage, seconds)})
            self._rooms.add(room)
        await self._send(room, [content])

    async def park(self, stage: Stage, mail: Mail, reason: str) -> None:
        """See `Bus.park`."""
        headers = {"stage": str(stage), "reason": wire.storable(reason)}
        await self._send(self.topology.parked, [wire.encode(mail)], headers)

    @asynccontextmanager
    async def consume(self, stage: Stage, prefetch: int) -> AsyncIterator[AsyncIterator[port.Delivery]]:
        """See `Bus.consume`."""
        urgent, others = self.topology.ready(stage, urgent=True), self.topology.ready(stage)
        taker = Taker(self._taking, urgent, others, prefetch, self._declare_again)
        self._takers.add(taker)
        try:
            yield taker.intake
        finally:
            await taker.leave()
            await self._close_those_over()

    @asynccontextmanager
    async def parked(self) -> AsyncIterator[AsyncIterator[port.ParkedMail]]:
        """See `Bus.parked`. Of two walks at the same time each sees a part."""
        async with self._channel() as channel:
            walk = _Walk(self, channel)
            yield walk.steps()
            await walk.end()

    async def depth(self) -> Mapping[Stage, int]:
        """See `Bus.depth`."""
        depths = dict.fromkeys(Stage, 0)
        async with self._channel() as channel:
            for stage in Stage:
                for urgent in (True, False):
                    depths[stage] += await self.soon(
                        _count(channel, self.topology.ready(stage, urgent=urgent))
                    )
        return depths

    async def takers(self) -> Mapping[Stage, int]:
        """See `Bus.takers`."""
        async with self._channel() as channel:
            return {stage: await self.soon(_takers(channel, self.topology.ready(stage))) for stage in Stage}

    async def ask(self, stage: Stage, mail: Mail, within: float) -> Explanation:
        """See `Bus.ask`."""
        queue = self.topology.questions(stage)
        try:
            async with self._channel() as channel, asyncio.timeout(within):
                return await asking.ask(channel, queue, stage, mail, within)
        except TimeoutError as error:
            raise no_answer(stage, within) from error
        except Lost as error:
            raise TemporaryFailure(f"the broker is away, or refused: {error}") from error

    @asynccontextmanager
    async def answering(self, stage: Stage, answer: Answer) -> AsyncIterator[None]:
        """See `Bus.answering`."""
        queue = self.topology.questions(stage)
        working = asyncio.create_task(
            asking.answer_on(self._taking, queue, answer), name=f"answer questions to the {stage}"
        )
        try:
            yield
        finally:
            working.cancel()
            await asyncio.wait([working])

    async def tell(self, command: Command) -> None:
        """See `Bus.tell`."""
        content = wire.encode_command(command)
        await self._sender.send("", [content], exchange=self.topology.commands, mandatory=False)

    @asynccontextmanager
    async def commands(self) -> AsyncIterator[AsyncIterator[Command | None]]:
        """See `Bus.commands`."""
        listener = Listener()
        listening = asyncio.create_task(self._listen_on(listener), name="listen for commands")
        try:
            yield listener
        finally:
            listener.leave()
            listening.cancel()
            await asyncio.wait([listening])

    async def close(self) -> None:
        """See `Bus.close`."""
        for taker in self._takers:
            if not taker.intake.left:
                await taker.leave()
            await taker.close()
        self._takers.clear()
        await self._taking.close()
        await self._sending.close()

    async def put_back(self, stage: Stage, content: bytes) -> None:
        """Hand content that was parked to `stage` again."""
        await self._send(self.topology.ready(stage), [content])

    async def _send(
        self, queue: str, contents: Sequence[bytes], headers: Mapping[str, str] | None = None
    ) -> None:
        if not contents:
            return
        try:
            await self._sender.send(queue, contents, headers=headers)
        except Returned:
            self._rooms.clear()
            await self._declare_again()
            raise

    async def _declare(self) -> None:
        await self._make(self.topology.queues())
        async with self._channel() as channel:
            await self.soon(_declare_exchange(channel, self.topology))

    async def _declare_again(self) -> None:
        if await self._lacks(self.topology.queues()):
            # A broker that is not done with removing a queue mixes it up with the next one of its name.
            await asyncio.sleep(self._settling)
            await self._declare()

    async def _make(self, queues: Mapping[str, Arguments]) -> None:
        async with self._making:
            are_new = await self._lacks(queues)
            async with self._channel() as channel:
                for queue, arguments in queues.items():
                    await self.soon(channel.queue_declare(queue, durable=True, arguments=dict(arguments)))
            if are_new:
                await asyncio.sleep(self._settling)

    async def _lacks(self, queues: Iterable[str]) -> bool:
        async with self._channel() as channel:
            return not await self.soon(_all_there(channel, queues))

    async def _close_those_over(self) -> None:
        for taker in [taker for taker in self._takers if taker.is_over]:
            self._takers.discard(taker)
            await taker.close()

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[Channel]:
        # One for each use: any refusal by the broker ends the channel that it was answered on.
        channel = await self.soon(self._taking.channel(confirms=False))
        try:
            yield channel
        finally:
            with suppress(TemporaryFailure):
                await self.soon(channel.close())

    async def soon(self, answer: Awaitable[T]) -> T:
        """What the broker answers, or `TemporaryFailure` in bounded time."""
        try:
            async with asyncio.timeout(self._timeout):
                with lost():
                    return await answer
        except Lost as error:
            raise TemporaryFailure(f"the broker is away, or refused: {error}") from error
        except TimeoutError as error:
            raise TemporaryFailure(f"the broker did not answer within {self._timeout:g} s") from error

    async def _listen_on(self, listener: Listener) -> None:
        while True:
            with suppress(Lost):
                channel = await self._taking.channel(confirms=False)
                try:
                    with lost():
                        await self._hear(channel, listener)
                    await asyncio.wait([channel.closing])
                finally:
                    with suppress(Lost), lost():
                        await channel.close(timeout=CLOSE_TIMEOUT)
            await asyncio.sleep(FIRST_PAUSE)

    async def _hear(self, channel: Channel, listener: Listener) -> None:
        async def arrived(message: DeliveredMessage) -> None:
            try:
                listener.hear(wire.decode_command(message.body))
            except wire.UndecodableCommand as error:
                log.error("a command cannot be read: %s", error)
                listener.hear(None)

        # A process that does not read loses its connection long before so many are dropped.
        bound: ArgumentsType = {"x-max-length": MOST_UNHEARD}
        await _declare_exchange(channel, self.topology)
        queue = str((await channel.queue_declare(exclusive=True, arguments=bound)).queue)
        await channel.queue_bind(queue, self.topology.commands)
        await channel.basic_consume(queue, arrived, no_ack=True)
        listener.hear(None)


class _Walk:
    """One way along all parked mail.

    What was seen stays taken until the end: so the walk ends, and sees nothing twice.
    """

    def __init__(self, bus: RabbitBus, channel: Channel) -> None:
        self._bus = bus
        self._channel = channel
        self._held: dict[str, set[int]] = {bus.topology.parked: set(), bus.topology.dead: set()}

    async def steps(self) -> AsyncIterator[_Parked]:
        for queue, held in self._held.items():
            for _ in range(await self._bus.soon(_count(self._channel, queue))):
                message = await self._bus.soon(self._channel.basic_get(queue))
                if isinstance(message.delivery, spec.Basic.GetEmpty):
                    break
                tag = message.delivery_tag or 0
                held.add(tag)
                stage, reason = _why_parked(message, self._bus.topology)
                yield _Parked(self._bus, message.body, stage, reason, partial(self._let_go, held, tag))

    async def end(self) -> None:
        """Give back what is held, and return when the next walk can see it."""
        newest = max((tag for held in self._held.values() for tag in held), default=0)
        if newest:
            await self._bus.soon(self._channel.basic_nack(newest, multiple=True, requeue=True))
            # Somebody else may have taken it at once: then there is nothing to wait for.
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_GIVING_BACK):
                    await self._bus.soon(self._given_back())

    async def _let_go(self, held: set[int], tag: int) -> None:
        held.discard(tag)
        await self._bus.soon(self._channel.basic_ack(tag))

    async def _given_back(self) -> None:
        for queue, held in self._held.items():
            while await _count(self._channel, queue) < len(held):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(GIVING_BACK)


class _Parked:
    def __init__(
        self,
        bus: RabbitBus,
        raw: bytes,
        stage: Stage | None,
        reason: str,
        end: Callable[[], Awaitable[None]],
    ) -> None:
        self.raw = raw
        self.stage = stage
        self.reason = reason
        self._bus = bus
        self._end = end

    @property
    def mail(self) -> Mail | None:
        try:
            return wire.decode(self.raw)
        except wire.UndecodableMail:
            return None

    async def retry(self) -> None:
        if self.stage is None:
            raise PermanentFailure("nothing says which stage this was stopped at")
        await self._bus.put_back(self.stage, self.raw)
        await self._end()

    async def drop(self) -> None:
        await self._end()


async def _declare_exchange(channel: Channel, topology: Topology) -> None:
    await channel.exchange_declare(topology.commands, exchange_type="fanout", durable=True)


async def _all_there(channel: Channel, queues: Iterable[str]) -> bool:
    try:
        for queue in queues:
            await channel.queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return False
    return True


async def _count(channel: Channel, queue: str) -> int:
    return (await channel.queue_declare(queue, passive=True)).message_count or 0


async def _takers(channel: Channel, queue: str) -> int:
    return (await channel.queue_declare(queue, passive=True)).consumer_count or 0


def _why_parked(message: DeliveredMessage, topology: Topology) -> tuple[Stage | None, str]:
    headers = message.header.properties.headers or {}
    deaths = headers.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(last := deaths[0], dict):
        why = str(last.get("reason"))
        return topology.stage_of(str(last.get("queue"))), WHY_DEAD.get(why, f"a dead letter: {why}")
    queue = f"{topology.namespace}.{headers.get('stage')!s}"
    return topology.stage_of(queue), str(headers.get("reason", "not known"))
