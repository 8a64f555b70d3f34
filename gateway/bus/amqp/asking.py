"""Questions to a stage over the broker: one of its processes takes each, and answers to who asked.

They wait in no queue that outlives them: what nobody takes in time is gone, and who asked knows.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from aiormq import Channel, spec
from aiormq.abc import DeliveredMessage

from gateway.bus import wire
from gateway.bus.amqp.link import CLOSE_TIMEOUT, FIRST_PAUSE, Link, Lost, lost
from gateway.bus.asking import Answer, nobody
from gateway.domain.errors import TemporaryFailure
from gateway.domain.explanation import Explanation
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage

log = logging.getLogger(__name__)

_TO_US = "amq.rabbitmq.reply-to"  # the broker's own way back to who asked, without a queue

UNUSED = 600_000
"""Milliseconds after which the broker forgets the queue of a stage that nobody serves."""

MOST_WAITING = 100
"""Questions that wait; the oldest give way."""


async def ask(channel: Channel, queue: str, stage: Stage, mail: Mail, within: float) -> Explanation:
    """What a process of the stage answers. Raises `TemporaryFailure`, and `Lost` with the channel."""
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def came(message: DeliveredMessage) -> None:
        if not answered.done():
            answered.set_result(message.body)

    with lost():
        declared = await _declare(channel, queue)
        if not declared.consumer_count:
            raise nobody(stage)
        await channel.basic_consume(_TO_US, came, no_ack=True)
        await channel.basic_publish(
            wire.encode(mail),
            routing_key=queue,
            properties=spec.Basic.Properties(reply_to=_TO_US, expiration=str(int(within * 1000))),
        )
        return wire.decode_reply(await answered)


async def answer_on(link: Link, queue: str, answer: Answer) -> None:
    """Answer questions, over one connection after the other, until cancelled."""
    while True:
        with suppress(Lost):
            channel = await link.channel(confirms=False)
            try:
                with lost():
                    await _answer(channel, queue, answer)
                await asyncio.wait([channel.closing])
            finally:
                with suppress(Lost), lost():
                    await channel.close(timeout=CLOSE_TIMEOUT)
        await asyncio.sleep(FIRST_PAUSE)


async def _answer(channel: Channel, queue: str, answer: Answer) -> None:
    async def came(message: DeliveredMessage) -> None:
        reply = await _reply(message.body, answer)
        with lost():
            await channel.basic_publish(reply, routing_key=message.header.properties.reply_to or "")
            await channel.basic_ack(message.delivery_tag or 0)

    await _declare(channel, queue)
    await channel.basic_qos(prefetch_count=1)
    await channel.basic_consume(queue, came)


async def _reply(question: bytes, answer: Answer) -> bytes:
    try:
        return wire.encode_reply(await answer(wire.decode(question)))
    except (TemporaryFailure, wire.UndecodableMail) as trouble:
        return wire.encode_reply(str(trouble))
    except Exception as fault:
        log.exception("a question cannot be answered")
        return wire.encode_reply(f"{type(fault).__name__}: {fault}")


async def _declare(channel: Channel, queue: str) -> spec.Queue.DeclareOk:
    return await channel.queue_declare(queue, arguments={"x-expires": UNUSED, "x-max-length": MOST_WAITING})
