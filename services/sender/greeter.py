"""Begins sessions: connects to a host, says hello, and makes the session as secure as it has to be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.domain.tls import OutgoingTls
from gateway.domain.ttlcache import TtlCache
from services.sender.commands import Extensions, extensions_of, greeting
from services.sender.conversation import Conversation
from services.sender.dane import is_published
from services.sender.hosts import Host
from services.sender.session import Insecure, Interrupted, Session, Timeouts, Unreachable
from services.sender.tls import TlsContexts

CONNECT_SECONDS = 30.0
"""A host that does not even complete the TCP handshake in this time is unreachable."""
BROKEN_TLS_SECONDS = 3600.0
"""How long a host whose TLS failed is spoken with in the clear, where that is allowed."""
MOST_BROKEN = 10_000

_REQUIRED = (OutgoingTls.ENCRYPT, OutgoingTls.VERIFY)


class Greeter:
    """Knows our own name, and what TLS needs. One of them serves a whole process."""

    def __init__(
        self,
        hostname: str,
        timeouts: Timeouts,
        contexts: TlsContexts | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hostname = hostname
        self._timeouts = timeouts
        self._contexts = contexts or TlsContexts()
        self._broken: TtlCache[tuple[str, int], bool] = TtlCache(MOST_BROKEN, clock)

    async def meet(self, host: Host) -> Conversation:
        """A session that is ready for mail. Raises `Interrupted`."""
        optional = host.security.tls is OutgoingTls.MAY
        if optional and self._broken.get(host.place):
            return await self._meet(host, OutgoingTls.NONE)
        try:
            return await self._meet(host, host.security.tls)
        except Insecure as insecure:
            if not (optional and insecure.broken):
                raise
        # Mail went to such hosts in the clear before they offered TLS, and would wait in vain (RFC 7435).
        self._broken.put(host.place, True, BROKEN_TLS_SECONDS)
        return await self._meet(host, OutgoingTls.NONE)

    async def _meet(self, host: Host, tls: OutgoingTls) -> Conversation:
        session = await self._connected(host)
        try:
            extensions = await self._greeted(session, host)
            if tls is not OutgoingTls.NONE:
                extensions = await self._secured(session, host, tls, extensions)
        except Insecure:
            session.leave()
            raise
        except BaseException as cause:
            session.abandon("the greetings were cut off")
            if type(cause) is Interrupted and not cause.code:
                raise Unreachable(cause.reason) from cause
            raise
        return Conversation(host, session, extensions)

    async def _connected(self, host: Host) -> Session:
        loop = asyncio.get_running_loop()

        def session() -> Session:
            return Session(self._timeouts)

        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, self._timeouts.initial)):
                if host.socket_path:
                    return (await loop.create_unix_connection(session, host.socket_path))[1]
                return (await loop.create_connection(session, host.ip, host.port))[1]
        except TimeoutError:
            raise Unreachable("the connection was not answered in time") from None
        except OSError as error:
            raise Unreachable(f"no connection: {error.strerror or error}") from error

    async def _greeted(self, session: Session, host: Host) -> Extensions:
        """Wait for the host's greeting, and say hello."""
        welcome = await session.reply(self._timeouts.initial)
        if welcome.code != 220:
            session.break_off("it does not want to talk to us", welcome)
        return await self._hello(session, host)

    async def _hello(self, session: Session, host: Host) -> Extensions:
        verb = "LHLO" if host.lmtp else "EHLO"
        hello = await session.ask(greeting(verb, self._hostname), self._timeouts.hello)
        if hello.positive:
            return extensions_of(hello.lines[1:])
        if hello.permanent and not host.lmtp:
            hello = await session.ask(greeting("HELO", self._hostname), self._timeouts.hello)
        if not hello.positive:
            session.break_off("it does not accept our greeting", hello)
        return {}

    async def _secured(
        self, session: Session, host: Host, tls: OutgoingTls, offered: Extensions
    ) -> Extensions:
        """Go on in TLS if the host offers it. What it offered in the clear is forgotten (RFC 3207 §4.2)."""
        required = tls in _REQUIRED
        if "STARTTLS" not in offered:
            if required:
                raise Insecure("TLS is required, and it does not offer it", enhanced="4.7.4")
            return offered
        ready = await session.ask(b"STARTTLS\r\n", self._timeouts.hello)
        if ready.code != 220:
            if required:
                raise Insecure(f"TLS is required, and it refuses it: {ready.text}", enhanced="4.7.4")
            return offered
        await session.start_tls(self._contexts.of(host.security), host.name)
        if host.security.tlsa and not is_published(host.security, session.peer_chain, datetime.now(UTC)):
            raise Insecure("its certificate is not the one that DNS names (DANE)", enhanced="4.7.5")
        return await self._hello(session, host)
