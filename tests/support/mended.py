"""What the receiver makes of a message, in one piece."""

from __future__ import annotations

from services.receiver.mending import Mending

_MOST_HEADER_BYTES = 256 << 10  # as in the shipped configuration


def mended(message: bytes) -> bytes:
    """The message as it is stored: the same bytes, unless they break the standards."""
    mending = Mending(utf8=False, most_header_bytes=_MOST_HEADER_BYTES)
    return mending.take(message) + mending.end()
