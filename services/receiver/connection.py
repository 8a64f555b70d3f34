"""One client's connection: aiosmtpd's, read in pieces and written in whole replies.

The only file that knows aiosmtpd. What it replaces are private members of the pinned version, so
`tests/unit/receiver/test_connection.py` holds it to that version. Kept from aiosmtpd is the life of a
connection: its task, its streams and its end.

aiosmtpd reads a line at a time with a limit of 1001 bytes, takes LF alone as the end of a command,
refuses the parameters of DSN, and has a TLS of its own beside that of the loop. Here bytes are handed on
as they come, and what they mean is found by `incoming`, `arguments` and `dialogue`, which are pure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ssl import SSLContext
from typing import cast

from aiosmtpd.smtp import SMTP

from services.receiver.replies import Reply

PIECE = 1 << 17
"""Bytes read at once. A session holds at most four times as much that it has not yet stored."""

LINGER = 5.0
"""Seconds that a client has to take its last reply."""

HANDSHAKE = 30.0
"""Seconds that a client has to agree on TLS."""


class Connection(SMTP):
    """A client's connection. Lives as long as `serve`, which is given it, and closes then."""

    line_length_limit = PIECE

    def __init__(self, hostname: str, serve: Callable[[Connection], Awaitable[None]]) -> None:
        super().__init__(
            handler=None, hostname=hostname, data_size_limit=None, loop=asyncio.get_running_loop()
        )
        self._smtp_methods = {}  # ours are those of a `Session`
        self._serve = serve
        self._unsent: list[bytes] = []
        self.waiting = False
        """Whether the client's next bytes are waited for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected, and has agreed on TLS where that comes first."""
        super().connection_made(transport)
        # aiosmtpd has one time-out for all. Ours are set for each wait, in `receive`.
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def eof_received(self) -> bool | None:
        """Let a client that sends no more still get its replies: aiosmtpd would drop what it has sent."""
        return super(SMTP, self).eof_received()

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
        self.waiting = True
        try:
            async with asyncio.timeout_at(due):
                await self._writer.drain()
                chunk: bytes = await self._reader.read(PIECE)
        finally:
            self.waiting = False
        if not chunk:
            raise EOFError
        return chunk

    def hold(self) -> bool:
        """Take nothing more from the client before `encrypt`; False when it has sent something ahead."""
        if self._reader._buffer:  # type: ignore[attr-defined]  # no public way tells
            return False
        transport = cast(asyncio.Transport, self.transport)
        if transport is None or transport.is_closing():
            raise EOFError
        transport.pause_reading()
        return True

    async def encrypt(self, context: SSLContext) -> None:
        """Speak TLS from here on. `OSError` when the client cannot, or not within half a minute."""
        self.flush()
        transport = await self.loop.start_tls(
            cast(asyncio.Transport, self.transport),
            self,
            context,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE,
        )
        # What `StreamWriter.start_tls` does, and the reader as well: its back-pressure has to reach TLS.
        self.transport = transport
        self._reader._transport = transport  # type: ignore[attr-defined]
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

    def _timeout_cb(self) -> None:
        self.abort()
