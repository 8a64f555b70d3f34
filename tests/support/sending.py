"""What the sender's tests send, and to whom."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import partial

from services.sender.content import Content, in_one_piece
from services.sender.conversation import Conversation
from services.sender.greeter import Greeter
from services.sender.hosts import Host
from services.sender.session import Timeouts
from services.sender.stuffing import Stuffer
from tests.support.smtp_peer import SmtpPeer

PATIENT = Timeouts(
    initial=30, hello=30, mail=30, rcpt=30, data_initiation=30, data_termination=30, quit=30, write=30
)
HASTY = Timeouts(
    initial=0.1, hello=0.1, mail=0.1, rcpt=0.1, data_initiation=0.1, data_termination=0.1, quit=0.1, write=0.1
)
MESSAGE = b"Subject: hello\r\n\r\n.dotted\r\n..\r\n.\r\nend\r\n"


def content(message: bytes = MESSAGE, *, pieces: int = 1) -> Content:
    """A message that comes in so many pieces."""
    return replace(in_one_piece(message), wire=partial(_wire, message, pieces))


def at(peer: SmtpPeer) -> Host:
    """Where a peer listens."""
    return Host("peer.example", peer.host, peer.port)


async def meet(host: Host, timeouts: Timeouts = PATIENT) -> Conversation:
    """A session with a host, in which we are `gw.example`."""
    return await Greeter("gw.example", timeouts).meet(host)


async def _wire(message: bytes, pieces: int) -> AsyncGenerator[bytes, None]:
    stuffer = Stuffer()
    size = -(-len(message) // pieces) or 1
    for start in range(0, len(message), size):
        yield stuffer.stuff(message[start : start + size])
    yield stuffer.end()
