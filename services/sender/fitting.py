"""Fits a message to what a host takes: its size, 8-bit bytes, and addresses and headers in UTF-8."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gateway.domain.mail import Envelope
from gateway.domain.mime import take_apart
from services.sender.commands import Extensions
from services.sender.content import Content, in_one_piece
from services.sender.downgrade import Inconvertible, downgraded

LARGEST_CONVERTED = 64 * 1024 * 1024
"""Bytes of a message that is re-encoded: that is done in memory."""


class Unsuitable(Exception):
    """The host cannot take this message, now or later."""

    def __init__(self, enhanced: str, reason: str) -> None:
        super().__init__(reason)
        self.enhanced = enhanced
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fitted:
    """A message and its envelope as a host takes them."""

    envelope: Envelope
    content: Content
    eight_bit: bool  # declare BODY=8BITMIME
    utf8: bool  # declare SMTPUTF8


async def fitted(envelope: Envelope, content: Content, extensions: Extensions) -> Fitted:
    """What to send to a host with such extensions. Raises `Unsuitable`."""
    _check_size(content, extensions)
    utf8 = await _utf8(envelope, content, extensions)
    if content.eight_bit and "8BITMIME" not in extensions:
        content = await _in_seven_bits(content)
        _check_size(content, extensions)
    return Fitted(envelope, content, content.eight_bit or envelope.eight_bit, utf8)


def _check_size(content: Content, extensions: Extensions) -> None:
    limit = extensions.get("SIZE", "")
    if limit.isdecimal() and 0 < int(limit) < content.size:
        raise Unsuitable("5.3.4", f"the message has {content.size} bytes, and the host takes at most {limit}")


async def _utf8(envelope: Envelope, content: Content, extensions: Extensions) -> bool:
    """Whether SMTPUTF8 has to be declared (RFC 6531 §3.4)."""
    in_addresses = not all(map(str.isascii, _addresses(envelope)))
    if not (envelope.utf8 or in_addresses):
        return False
    # Who offers the one has to offer the other (RFC 6531 §3.1).
    if "SMTPUTF8" in extensions and "8BITMIME" in extensions:
        return True
    if in_addresses:
        raise Unsuitable("5.6.7", "the host does not take addresses in UTF-8 (SMTPUTF8)")
    if await _has_utf8_header(content):
        raise Unsuitable("5.6.7", "the host does not take headers in UTF-8 (SMTPUTF8)")
    return False


def _addresses(envelope: Envelope) -> Iterator[str]:
    yield envelope.sender
    for to in envelope.recipients:
        yield to.address
        yield to.original


async def _has_utf8_header(content: Content) -> bool:
    if not content.eight_bit:
        return False
    message = await _whole(content)
    parts = await asyncio.to_thread(take_apart, message, open_messages=False)
    return not all(message[part.start : part.body].isascii() for part in parts)


async def _in_seven_bits(content: Content) -> Content:
    message = await _whole(content)
    if message.isascii():  # of a large message nobody had looked
        return replace(content, eight_bit=False)
    try:
        return in_one_piece(await asyncio.to_thread(downgraded, message))
    except Inconvertible as reason:
        raise Unsuitable("5.6.3", f"the host does not take 8-bit messages (8BITMIME), and {reason}") from None


async def _whole(content: Content) -> bytes:
    if content.size > LARGEST_CONVERTED:
        raise Unsuitable("5.6.3", "the message is too large to be converted for this host")
    return await content.whole()
