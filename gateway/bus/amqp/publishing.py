"""Publishing on one channel: what is asked for at about the same time goes out in one write.

The library publishes one after the other, each behind a lock and two contexts that watch for the end of
the channel, which costs four times as much. Its books are kept here as it keeps them: its reader settles
what is in them when the broker confirms or returns a content, or when the channel ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from functools import lru_cache

from aiormq import Channel, spec
from aiormq.abc import ChannelFrame
from pamqp import frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from gateway.bus.gathering import Gathering

PERSISTENT = 2


class Publisher:
    """Publishes on a channel with confirms, which nobody else publishes on."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._unsent: list[bytes] = []
        self._some = asyncio.Event()
        self._gathering = Gathering()
        channel.create_task(self._write_on())  # ends with the channel

    @property
    def is_over(self) -> bool:
        """Whether the channel has ended."""
        return self._channel.is_closed

    def publish(
        self,
        content: bytes,
        *,
        exchange: str,
        routing_key: str,
        mandatory: bool,
        headers: Mapping[str, str] | None,
    ) -> asyncio.Future[object]:
        """Send `content` soon. What comes out is done when the broker has it, and fails as a publish does."""
        channel = self._channel
        channel.delivery_tag += 1
        tag = channel.delivery_tag
        name = f"{tag:x}"  # by which what is returned is known
        confirmation: asyncio.Future[object] = channel.create_future()
        channel.confirmations[tag] = confirmation
        channel.message_id_delivery_tag[name] = tag
        confirmation.add_done_callback(lambda _: channel.message_id_delivery_tag.pop(name, None))

        properties = spec.Basic.Properties(
            delivery_mode=PERSISTENT, message_id=name, headers=None if headers is None else dict(headers)
        )
        header = ContentHeader(properties=properties, body_size=len(content))
        self._unsent += (
            _beginning(channel.number, exchange, routing_key, mandatory),
            frame.marshal(header, channel.number),
            *_bodies(content, channel),
        )
        self._some.set()
        self._gathering.came(1)
        return confirmation

    async def _write_on(self) -> None:
        while True:
            await self._some.wait()
            await self._gathering.wait()
            self._some.clear()
            unsent, self._unsent = b"".join(self._unsent), []
            await self._channel.write_queue.put(ChannelFrame(unsent, should_close=False))


@lru_cache(maxsize=64)
def _beginning(channel: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:
    published = spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=mandatory)
    return frame.marshal(published, channel)


def _bodies(content: bytes, channel: Channel) -> Iterator[bytes]:
    most = channel.max_content_size
    for start in range(0, len(content), most):
        yield frame.marshal(ContentBody(content[start : start + most]), channel.number)
