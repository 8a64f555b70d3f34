"""A connection to a RabbitMQ broker that comes back by itself.

Channels are those below aio-pika's own, which cost 1.5 times as much CPU a mail. Its "robust" connection
is not used: it restores channels one by one, and lets calls wait without end while the broker is away.
Here whoever uses a channel opens the next one, and every wait is bounded by who waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

import aio_pika
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, AMQPConnectionError
from aiormq import Channel
from aiormq.abc import AbstractConnection
from yarl import URL

log = logging.getLogger(__name__)

HEARTBEAT = 15
"""Seconds between signs of life. A broker that gives none for three of them is taken for dead."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
"""Seconds between two tries to come back: doubled from the first to the longest."""

CONNECT_TIMEOUT = 10.0
"""Seconds that one try may take."""

CLOSE_TIMEOUT = 5.0
"""Seconds for a goodbye. The broker gives back what was taken even without one."""


class Lost(Exception):
    """The connection, or the channel, ended while somebody waited for it."""


class Link:
    """One connection, kept up until it is closed."""

    def __init__(self, url: URL, connection: aio_pika.Connection, transport: AbstractConnection) -> None:
        self._url = url
        self._connection = connection
        self._transport = transport
        self._up = asyncio.Event()
        self._up.set()
        self._keeping = asyncio.create_task(self._keep(), name="rabbitmq link")
        self._dropping: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: URL) -> Link:
        """Connect for the first time. Raises `Lost` with the reason when that fails."""
        return cls(url, *await _connect(url))

    async def channel(self, *, confirms: bool) -> Channel:
        """A new channel; waits while the broker is away. Raises `Lost`."""
        with lost():
            transport = await self._present()
            return cast(Channel, await transport.channel(publisher_confirms=confirms))

    async def takes(self) -> None:
        """Wait until the broker takes what is sent: it does not when it lacks memory or disk."""
        with lost():
            await (await self._present()).ready()

    def give_up(self) -> None:
        """Drop a connection that does not answer. The next one is made at once."""
        if self._dropping is None or self._dropping.done():
            self._dropping = asyncio.create_task(self._drop())

    async def close(self) -> None:
        """Close it for good."""
        self._keeping.cancel()
        await asyncio.wait([self._keeping])
        if self._dropping is not None:
            await self._dropping
        await self._drop()

    async def _present(self) -> AbstractConnection:
        await self._up.wait()
        while self._transport.is_closed:
            # Noticed before the keeper did, who sets it again when there is a new one.
            self._up.clear()
            await self._up.wait()
        return self._transport

    async def _keep(self) -> None:
        while True:
            await asyncio.wait([self._transport.closing])
            self._up.clear()
            log.warning("the broker %s is away, its return is waited for", masked(self._url))
            await _empty(self._transport)
            self._connection, self._transport = await self._come_back()
            log.info("the broker %s is back", masked(self._url))
            self._up.set()

    async def _come_back(self) -> tuple[aio_pika.Connection, AbstractConnection]:
        pause = FIRST_PAUSE
        while True:
            await asyncio.sleep(pause)
            with suppress(Lost):
                return await _connect(self._url)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _drop(self) -> None:
        with suppress(*CONNECTION_EXCEPTIONS):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._connection.close(AMQPConnectionError("given up"))


@contextmanager
def lost() -> Iterator[None]:
    """Translates whatever the client library says of a connection that ended into `Lost`.

    A time-out inside counts as such an end, one around it does not.
    """
    try:
        yield
    except CONNECTION_EXCEPTIONS as error:
        raise Lost(str(error) or type(error).__name__) from error
    except asyncio.CancelledError as error:
        # The library also cancels those who wait on a connection that was silent for too long.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Lost("the connection was given up") from error


def parse_url(text: str) -> URL:
    """The broker's address with what we add to it. Raises `ValueError`."""
    url = URL(text)
    if url.scheme not in ("amqp", "amqps") or not url.host:
        raise ValueError("it must be amqp://user:password@host:port/vhost, or amqps:")
    return url.update_query({"name": "mailwarden", "heartbeat": str(HEARTBEAT)} | dict(url.query))


def masked(url: URL) -> str:
    """`url` as it may be shown."""
    shown = url.with_query(None)
    return str(shown if shown.password is None else shown.with_password("***"))


async def _connect(url: URL) -> tuple[aio_pika.Connection, AbstractConnection]:
    with lost():
        async with asyncio.timeout(CONNECT_TIMEOUT):
            connection = await aio_pika.connect(url)
    if connection.transport is None:
        raise Lost("the connection ended as soon as it was there")
    return connection, connection.transport.connection


async def _empty(transport: AbstractConnection) -> None:
    # Nobody reads this queue any more: who waits for room in it would wait for ever.
    queue = transport.write_queue
    while not queue.empty():
        queue.get_nowait()
        await asyncio.sleep(0)
