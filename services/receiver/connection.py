"""One client's connection: aiosmtpd's, read in pieces as they come and written in whole replies.

The only file that knows aiosmtpd. What it replaces are private members of the pinned version, so
`tests/unit/receiver/test_connection.py` holds it to that version. Kept from aiosmtpd is the life of a
connection: its task, its writer and its end.

aiosmtpd reads a line at a time with a limit of 1001 bytes, takes LF alone as the end of a command,
refuses the parameters of DSN, and has a TLS of its own beside that of the loop. Here bytes are handed on
as the loop gives them, without copying, and what they mean is found by `incoming`, `arguments` and
`dialogue`, which are pure.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ssl import SSLContext
from typing import cast

from aiosmtpd.smtp import SMTP

from services.receiver.replies import Reply

MOST_WAITING = 1 << 17
"""Bytes of a client that may wait to be read before no more are taken from the network."""

LINGER = 5.0
"""Seconds that a client has to take its last reply."""

HANDSHAKE = 30.0
"""Seconds that a client has to agree on TLS."""

_PIECE_COSTS = 64
"""Bytes that a piece needs besides its own: a client that sends them one by one must not fill the memory."""


class Connection(SMTP):
    """A client's connection. Lives as long as `serve`, which is given it, and closes then."""

    def __init__(self, hostname: str, serve: Callable[[Connection], Awaitable[None]]) -> None:
        super().__init__(
            handler=None, hostname=hostname, data_size_limit=None, loop=asyncio.get_running_loop()
        )
        self._smtp_methods = {}  # ours are those of a `Session`
        self._serve = serve
        self._unsent: list[bytes] = []
        self._pieces: deque[bytes] = deque()  # what came and was not read yet
        self._waiting_bytes = 0
        self._holds = False  # whether no more is taken from the network
        self._ended = False  # whether the client will send no more
        self._is_clogged = False  # whether the client does not take what it is told
        self._reading: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected, and has agreed on TLS where that comes first."""
        super().connection_made(transport)
        # aiosmtpd has one time-out for all. Ours are set for each wait, in `receive`.
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes came. They stay as the loop gave them until somebody reads them."""
        self._pieces.append(data)
        self._waiting_bytes += len(data) + _PIECE_COSTS
        self._wake()
        if self._waiting_bytes > MOST_WAITING and not self._holds:
            self._holds = True
            with suppress(EOFError):
                self._transport_now().pause_reading()

    def eof_received(self) -> bool | None:
        """Let a client that sends no more still get its replies: aiosmtpd would drop what it has sent."""
        self._ended = True
        self._wake()
        return super(SMTP, self).eof_received()

    def pause_writing(self) -> None:
        """The client has not taken what it was told."""
        super().pause_writing()
        self._is_clogged = True

    def resume_writing(self) -> None:
        """It has, now."""
        super().resume_writing()
        self._is_clogged = False

    def task(self) -> asyncio.Task[None]:
        """What runs the connection. No property: aiosmtpd reads all of those before there is one."""
        if self._handler_coroutine is None:
            raise RuntimeError("asked for the task of a connection that was never made")
        return self._handler_coroutine

    def now(self) -> float:
        """The time on the clock that deadlines are given by."""
        return self.loop.time()

    def say(self, reply: Reply, *, at_once: bool = True) -> None:
        """Send a reply, at the latest when the client is waited for."""
        self._unsent.append(reply.wire())
        if at_once:
            self.flush()

    def flush(self) -> None:
        """Send what was said, in one write: TCP_NODELAY is set by the loop, so that it leaves now."""
        if self._unsent and self.transport is not None:
            self._writer.write(b"".join(self._unsent))
        self._unsent.clear()

    async def receive(self, due: float) -> bytes:
        """Bytes from the client, once it has taken what it was told. `TimeoutError` when that is `due`."""
        self.flush()
        if self._is_clogged:
            async with asyncio.timeout_at(due):
                await self._writer.drain()
        while not self._pieces:
            if self._ended:
                raise EOFError
            await self._more(due)
        piece = self._pieces.popleft()
        self._waiting_bytes -= len(piece) + _PIECE_COSTS
        if self._holds and self._waiting_bytes <= MOST_WAITING // 2:
            self._holds = False
            with suppress(EOFError):
                self._transport_now().resume_reading()
        return piece

    def is_waited_for(self) -> bool:
        """Whether nothing can go on before the client does something."""
        return self._reading is not None or self._is_clogged

    def hold(self) -> bool:
        """Take nothing more from the client before `encrypt`; False when it has sent something ahead."""
        if self._pieces or self._ended:
            return False
        self._transport_now().pause_reading()
        return True

    async def encrypt(self, context: SSLContext) -> None:
        """Speak TLS from here on. `OSError` when the client cannot, or not within `HANDSHAKE`."""
        self.flush()
        transport = await self.loop.start_tls(
            self._transport_now(), self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE
        )
        # As `StreamWriter.start_tls` does, which could only be called once its streams are drained.
        self.transport = transport
        self._writer._transport = transport  # type: ignore[attr-defined]
        self._over_ssl = True

    def tls(self) -> str:
        """Version and cipher of TLS, `TLSv1.3 TLS_AES_256_GCM_SHA384`; "" in the clear."""
        agreed = self._writer.get_extra_info("ssl_object")
        if agreed is None:
            return ""
        cipher, _, _ = agreed.cipher()
        return f"{agreed.version()} {cipher}"

    def close(self) -> None:
        """Close once the client has taken what it was told."""
        self._writer.close()

    def abort(self) -> None:
        """Close at once."""
        self._writer.transport.abort()

    async def linger(self) -> None:
        """Read on until the client closes: closing over what it sends would take our reply from it."""
        self.flush()
        due = self.now() + LINGER
        if self._writer.can_write_eof():
            self._writer.write_eof()
        with suppress(EOFError, OSError):
            while True:
                await self.receive(due)

    async def _handle_client(self) -> None:
        """The whole connection. aiosmtpd runs this as a task, and cancels it when the connection is lost."""
        try:
            await self._serve(self)
        finally:
            await self._hang_up()

    async def _hang_up(self) -> None:
        """Close the connection once the client has taken its last reply, or does not within `LINGER`."""
        if self.transport is None:
            return
        self.flush()
        self._writer.close()
        self._reset_timeout(LINGER)
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _more(self, due: float) -> None:
        """Return when something came; `TimeoutError` when that is `due`."""
        # A context for the time-out would cost three times as much, and this is the wait for every piece.
        self._reading = self.loop.create_future()
        timer = self.loop.call_at(due, self._give_up)
        try:
            await self._reading
        finally:
            timer.cancel()
            self._reading = None

    def _give_up(self) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)

    def _transport_now(self) -> asyncio.Transport:
        """The transport, TLS or not. `EOFError` when the connection is gone."""
        if self.transport is None or self.transport.is_closing():
            raise EOFError
        return cast(asyncio.Transport, self.transport)

    def _timeout_cb(self) -> None:
        self.abort()
