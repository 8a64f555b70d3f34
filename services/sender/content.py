"""A message as it goes over the wire: small ones in one piece, large ones streamed from where they lie."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from gateway.blobs.leaving import message_chunks
from gateway.blobs.port import Blobs
from gateway.domain.mail import Mail
from gateway.domain.message import composed
from services.sender.stuffing import Stuffer

LARGEST_WHOLE = 256 * 1024
"""Bytes of a message that is held in memory, once for all its destinations."""


@dataclass(frozen=True, slots=True)
class Content:
    """What goes behind DATA."""

    size: int  # bytes of the message itself: what SIZE= declares (RFC 1870 §5)
    eight_bit: bool  # it has, or may have, bytes above 127
    wire: Callable[[], AsyncGenerator[bytes, None]]  # begins anew each time: stuffed, and ended
    whole: Callable[[], Awaitable[bytes]]  # the message itself, for a host that needs another one


async def content_of(mail: Mail, blobs: Blobs) -> Content:
    """Make `mail` ready for sending. Raises what `Blobs.read` and `Blobs.chunks` raise."""
    if mail.size > LARGEST_WHOLE:
        # To look for 8-bit bytes would mean to read it twice; BODY=8BITMIME is never wrong.
        return Content(mail.size, True, partial(_streamed, mail, blobs), partial(_joined, mail, blobs))
    return in_one_piece(composed(mail, await blobs.read(mail.body)))


def in_one_piece(message: bytes) -> Content:
    """A message that is held in memory."""
    stuffer = Stuffer()
    wire = stuffer.stuff(message) + stuffer.end()
    return Content(len(message), not message.isascii(), partial(_at_once, wire), partial(_as_it_is, message))


async def _at_once(wire: bytes) -> AsyncGenerator[bytes, None]:
    yield wire


async def _streamed(mail: Mail, blobs: Blobs) -> AsyncGenerator[bytes, None]:
    stuffer = Stuffer()
    async for chunk in message_chunks(mail, blobs):
        yield stuffer.stuff(chunk)
    yield stuffer.end()


async def _as_it_is(message: bytes) -> bytes:
    return message


async def _joined(mail: Mail, blobs: Blobs) -> bytes:
    return b"".join([chunk async for chunk in message_chunks(mail, blobs)])
