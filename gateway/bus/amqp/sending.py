"""Publishing: many at once, each safe when the broker has confirmed it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from aio_pika.exceptions import DeliveryError, PublishError

from gateway.bus.amqp.link import FIRST_PAUSE, Link, Lost, lost
from gateway.bus.amqp.publishing import Publisher
from gateway.domain.errors import TemporaryFailure

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
        self._publisher: Publisher | None = None
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
            publisher = await self._open()
            publishing = [
                publisher.publish(
                    content, exchange=exchange, routing_key=routing_key, mandatory=mandatory, headers=headers
                )
                for content in contents
            ]
            with lost():
                await _all(publishing)
        except Lost:
            return False
        return True

    async def _open(self) -> Publisher:
        if self._publisher is not None and not self._publisher.is_over:
            return self._publisher
        async with self._opening:
            if self._publisher is None or self._publisher.is_over:
                self._publisher = Publisher(await self._link.channel(confirms=True))
            return self._publisher

    async def _cause(self) -> str:
        try:
            async with asyncio.timeout(DOUBT):
                await self._link.takes()
        except (TimeoutError, Lost):
            return "the broker is away, or takes nothing for want of memory or disk"
        # It reads, but does not confirm. What is still under way there shall not pile up.
        self._link.give_up()
        return f"the broker did not confirm within {self._timeout:g} s"


async def _all(publishing: Sequence[asyncio.Future[object]]) -> None:
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
