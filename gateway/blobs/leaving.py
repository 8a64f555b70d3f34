"""The bytes of a message as it leaves: its body with what was put on top and changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from gateway.blobs.port import Blobs
from gateway.domain.mail import Mail
from gateway.domain.message import Span, pieces


async def message_chunks(mail: Mail, blobs: Blobs) -> AsyncGenerator[bytes, None]:
    """The message as it leaves, in large pieces."""
    for piece in pieces(mail):
        if isinstance(piece, Span):
            async for chunk in blobs.chunks(mail.body, piece.start, piece.end):
                yield chunk
        else:
            yield piece
