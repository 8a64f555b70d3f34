"""One connection to a host: commands go out, replies come in, each waited for with a time-out of its own.

What is said belongs to `conversation.py`. Whatever breaks off ends the session.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections import deque
from dataclasses import dataclass
from typing import NoReturn, cast

from services.sender.replies import BadReply, Reply, ReplyReader

CLOSING = 421

LARGEST_UNREAD = 4 * 1024 * 1024
"""Bytes of replies that a host may send ahead; those to a thousand recipients have some hundred thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds that a host may take for each of its replies (reference, section 12.12)."""

    initial: float
    hello: float
    mail: float
    rcpt: float
    data_initiation: float
    data_termination: float
    quit: float
    write: float  # for each chunk of data, so large messages have more time


class Interrupted(Exception):
    """The session broke off. Nothing was handed over, or nobody knows: `unsure`."""

    def __init__(self, reason: str, *, code: int = 0, enhanced: str = "", unsure: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.enhanced = enhanced
        self.unsure = unsure  # all data was sent, but its reply never came


def again_too_soon(before: Interrupted) -> Interrupted:
    """What is said of a host that is not even tried because of what happened `before`."""
    return Interrupted(
        f"not tried again so soon: {before.reason}", code=before.code, enhanced=before.enhanced
    )


class Unreachable(Interrupted):
    """No session came about, and the host did not say why: others need not try for a while."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, enhanced="4.4.1")


class Insecure(Interrupted):
    """The host does not give the security that it has to: `broken` when it is TLS that failed."""

    def __init__(self, reason: str, *, enhanced: str, broken: bool = False) -> None:
        super().__init__(reason, enhanced=enhanced)
        self.broken = broken


class Session(asyncio.Protocol):
    """What `conversation.py` speaks over."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self._transport: asyncio.Transport
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._unread = 0  # bytes that came since all replies were read
        self._over = ""  # why nothing more can be said; "" while the session stands
        self._waiting: asyncio.Future[None] | None = None  # for a reply, or the end
        self._blocked: asyncio.Future[None] | None = None  # until the peer reads what was written
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def quiet(self) -> bool:
        """Whether we may speak: the host has neither left nor said anything unasked."""
        return not self._over and not self._replies

    @property
    def peer_chain(self) -> tuple[bytes, ...]:
        """The certificates that the host showed, in DER, its own first; none without TLS."""
        secured = cast(ssl.SSLObject | None, self._transport.get_extra_info("ssl_object"))
        return _chain(secured) if secured else ()

    def write(self, chunk: bytes) -> None:
        """Send; `unblocked` says when more is welcome."""
        self._transport.write(chunk)

    async def unblocked(self) -> None:
        """Return when the host has read enough of what was written. Raises `Interrupted`."""
        if not self._blocked:
            return
        try:
            async with asyncio.timeout(self.timeouts.write):
                while self._blocked and not self._over:
                    await self._blocked
        except TimeoutError:
            self.break_off(f"it took none of the message for {self.timeouts.write:g} s")

    async def ask(self, command: bytes, seconds: float) -> Reply:
        """Send a command and wait for its reply. Raises `Interrupted`."""
        self._transport.write(command)
        return await self.reply(seconds)

    async def reply(self, seconds: float) -> Reply:
        """The next reply. Raises `Interrupted`, also when the host says that it closes (421)."""
        if not self._replies:
            await self._heard(seconds)
        reply = self._replies.popleft()
        if not self._replies:
            self._unread = 0
        if reply.code == CLOSING:
            self.break_off("it closes the connection", reply)
        return reply

    async def start_tls(self, context: ssl.SSLContext, server_name: str) -> None:
        """Go on in TLS. Raises `Insecure`."""
        if self._replies or self._reader.pending:
            # What came in the clear must not be read as if it had come encrypted.
            self._fail_tls("it said more than that it is ready for TLS")
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=server_name,
                ssl_handshake_timeout=self.timeouts.hello,
            )
        except ssl.SSLCertVerificationError as wrong:
            self._fail_tls(f"its certificate is not accepted: {wrong.verify_message}")
        except (OSError, ValueError) as failure:  # ValueError: a name that TLS cannot ask for
            self._fail_tls(f"TLS failed: {getattr(failure, 'reason', None) or failure or 'it hung up'}")
        if transport is None:
            self._fail_tls("TLS failed: it hung up")
        self._transport = transport

    def abandon(self, reason: str) -> None:
        """Drop the connection: nothing more can be said."""
        self._over = self._over or reason
        self._transport.abort()

    def leave(self) -> None:
        """Say QUIT and close, without making anybody wait for it (RFC 5321 §4.1.1.10)."""
        if self._over:
            return
        self._over = "we left"
        self._transport.write(b"QUIT\r\n")
        timer = asyncio.get_running_loop().call_later(self.timeouts.quit, self._transport.abort)
        self._closed.add_done_callback(lambda _: timer.cancel())

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed."""
        return self._closed.done()

    async def closed(self) -> None:
        """Return when the connection is closed."""
        await asyncio.shield(self._closed)

    def break_off(self, reason: str, reply: Reply | None = None, *, unsure: bool = False) -> NoReturn:
        """End the session because of what the host said, or did not say. Raises `Interrupted`."""
        self.abandon(reason)
        if reply is None:
            raise Interrupted(reason, unsure=unsure)
        raise Interrupted(f"{reason}: {reply.text}", code=reply.code, enhanced=reply.enhanced, unsure=unsure)

    async def _heard(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not self._replies:
                    if self._over:
                        raise Interrupted(self._over)
                    self._waiting = asyncio.get_running_loop().create_future()
                    await self._waiting
        except TimeoutError:
            self.break_off(f"no answer within {seconds:g} s")

    def _fail_tls(self, reason: str) -> NoReturn:
        self.abandon(reason)
        # The transport may have ended within the handshake, of which nobody is told.
        self._end()
        raise Insecure(reason, enhanced="4.7.5", broken=True)

    def _end(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    def _wake(self) -> None:
        for waiting in (self._waiting, self._blocked if self._over else None):
            if waiting and not waiting.done():
                waiting.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast(asyncio.Transport, transport)
        connected: socket.socket = self._transport.get_extra_info("socket")
        if connected.family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, chunk: bytes) -> None:
        """The host said something."""
        if self._over:
            self._transport.close()
            return
        self._unread += len(chunk)
        try:
            if self._unread > LARGEST_UNREAD:
                raise BadReply("it says more than anybody asked for")
            self._replies.extend(self._reader.feed(chunk))
        except BadReply as bad:
            self._over = str(bad)
            self._transport.abort()
        self._wake()

    def eof_received(self) -> None:
        """The host says no more; the transport closes."""
        self._over = self._over or "it closed the connection"
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._over = self._over or f"the connection was lost: {error or 'closed'}"
        self._end()
        self._wake()

    def pause_writing(self) -> None:
        """The host reads slower than we write."""
        self._blocked = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The host has caught up."""
        blocked, self._blocked = self._blocked, None
        if blocked and not blocked.done():
            blocked.set_result(None)


def _chain(secured: ssl.SSLObject) -> tuple[bytes, ...]:
    if sys.version_info >= (3, 13):
        return tuple(secured.get_unverified_chain())
    # Python has had this since 3.10, under a private name at first.
    chain = secured._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain or ())
