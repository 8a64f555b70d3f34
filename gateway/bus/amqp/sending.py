"""Publishing: many at once, each safe when the broker has confirmed it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence

from aio_pika.exceptions import DeliveryError, PublishError
from aiormq import Channel, spec

from gateway.bus.amqp.link import FIRST_PAUSE, Link, Lost, lost
from gateway.domain.errors import TemporaryFailure

PERSISTENT = 2
DOUBT = 0.05
"""Seconds to find out whether the broker has told us to stop sending."""


class Returned(TemporaryFailure):
    """The queue that it was sent to is not there."""


class Sender:
    """Sends on one channel of a connection that is used for nothing else.

    A broker that lacks memory or disk stops reading a connection that publishes, acknowledgements included.
    """

    def __init__(self, link: Link, timeout: float) -> None:
        self._link = link
        self._timeout = timeout
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()

    async def send(
        self,
        routing_key: str,
        contents: Sequence[bytes],
        *,
        exchange: str = "",
        headers: Mapping[str, str] | None = None,
        mandatory: bool = True,
    ) -> None:
        """Return when the broker has confirmed all `contents`; raises `TemporaryFailure` in bounded time.

        What was on its way when the connection ended is sent again on the next one: it may arrive twice.
        """
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    if await self._sent(routing_key, contents, exchange, headers, mandatory):
                        return
                    await asyncio.sleep(FIRST_PAUSE)
        except TimeoutError as error:
            raise TemporaryFailure(await self._cause()) from error

    async def _sent(
        self,
        routing_key: str,
        contents: Sequence[bytes],
        exchange: str,
        headers: Mapping[str, str] | None,
        mandatory: bool,
    ) -> bool:
        try:
            await self._link.takes()
            channel = await self._open()
            publishing = [
                channel.basic_publish(
                    content,
                    exchange=exchange,
                    routing_key=routing_key,
                    mandatory=mandatory,
                    properties=_properties(headers),
                    wait=False,
                )
                for content in contents
            ]
            with lost():
                await _all(publishing)
        except Lost:
            return False
        return True

    async def _open(self) -> Channel:
        if self._channel is not None and not self._channel.is_closed:
            return self._channel
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._link.channel(confirms=True)
            return self._channel

    async def _cause(self) -> str:
        try:
            async with asyncio.timeout(DOUBT):
                await self._link.takes()
        except (TimeoutError, Lost):
            return "the broker is away, or takes nothing for want of memory or disk"
        # It reads, but does not confirm. What is still under way there shall not pile up.
        self._link.give_up()
        return f"the broker did not confirm within {self._timeout:g} s"


def _properties(headers: Mapping[str, str] | None) -> spec.Basic.Properties:
    return spec.Basic.Properties(delivery_mode=PERSISTENT, headers=None if headers is None else dict(headers))


async def _all(publishing: Sequence[Coroutine[object, object, object]]) -> None:
    try:
        if len(publishing) == 1:
            await publishing[0]
            return
        ends = await asyncio.gather(*publishing, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
    except PublishError as error:
        raise Returned("the broker has no such queue") from error
    except DeliveryError as error:
        raise TemporaryFailure("the broker refused it") from error
