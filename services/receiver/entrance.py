"""The entrance: finds out who has connected, and lets them in or turns them away."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from ssl import SSLContext

from gateway.domain.access import Address
from gateway.domain.statistics import Counter, Peak
from gateway.runtime import maillog
from services.receiver import replies
from services.receiver.connection import HANDSHAKE, Connection
from services.receiver.proxy import MOST_BYTES, MalformedHeader, ProxyHeader, parse_header
from services.receiver.refusals import counters_of
from services.receiver.replies import Reply
from services.receiver.server import House, Session

INTRODUCTION = 10.0
"""Seconds that a balancer has to say for whom it connects."""

_log = logging.getLogger(__name__)


class Entrance:
    """Receives the connections of the ports: `plain`, or `encrypted` from their first byte."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._introducing = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def plain(self, sock: socket.socket, peer: Address) -> None:
        """A connection to a port where TLS may begin with STARTTLS."""
        self._arrived(sock, peer, None)

    def encrypted(self, sock: socket.socket, peer: Address) -> None:
        """A connection to a port where TLS comes first (RFC 8314 §3)."""
        self._arrived(sock, peer, self._house.tls)

    def _arrived(self, sock: socket.socket, peer: Address, tls: SSLContext | None) -> None:
        self._house.records.count(Counter.INCOMING_CONNECTIONS)
        if not any(peer in network for network in self._house.rules.proxies):
            self._welcome(sock, peer, tls)
        elif self._introducing < self._house.rules.limits.sessions:
            self._run(self._introduce(sock, peer, tls))
        else:
            # No address to judge by is known yet, so nothing can be said.
            self._house.records.count(Counter.INCOMING_CONNECTION_ERRORS)
            sock.close()

    async def _introduce(self, sock: socket.socket, peer: Address, tls: SSLContext | None) -> None:
        """Hear from a balancer whom it connects. One that says nothing of the kind is not served."""
        self._introducing += 1
        try:
            async with asyncio.timeout(INTRODUCTION):
                header = await _read_header(sock)
        except (MalformedHeader, OSError, EOFError) as problem:
            why = str(problem) or "it did not come in time"
            _log.warning("no PROXY header from [%s]: %s", peer, why)
            self._house.records.count(Counter.INCOMING_CONNECTION_ERRORS)
            sock.close()
            return
        finally:
            self._introducing -= 1
        self._welcome(sock, header.client or peer, tls)

    def _welcome(self, sock: socket.socket, client: Address, tls: SSLContext | None) -> None:
        refusal = self._house.door.enter(client)
        if refusal is None:
            self._run(self._serve(sock, client, tls))
        elif refusal is replies.TOO_MANY_SESSIONS and (slowest := self._house.slowest()) is not None:
            self._run(self._serve_instead(slowest, sock, client, tls))
        else:
            self._turn_away(sock, client, refusal, tls)

    async def _serve_instead(
        self, slowest: Session, sock: socket.socket, client: Address, tls: SSLContext | None
    ) -> None:
        """Let a client in for one that drips or idles: a thousand of those must not stop the others."""
        slowest.make_room()
        await asyncio.wait((slowest.connection.task(),))
        # One turn of the loop later its place is free.
        await asyncio.sleep(0)
        refusal = self._house.door.enter(client)
        if refusal is None:
            await self._serve(sock, client, tls)
        else:
            self._turn_away(sock, client, refusal, tls)

    def _turn_away(
        self, sock: socket.socket, client: Address, refusal: Reply, tls: SSLContext | None
    ) -> None:
        """Say why not in one reply, which fits into what the system holds for a connection that is new."""
        counters = counters_of(refusal, Counter.INCOMING_CONNECTIONS_REFUSED)
        maillog.refused(self._house.records.count, counters, str(client), str(refusal))
        with sock, suppress(OSError):
            if tls is None:
                sock.send(refusal.wire())
                sock.shutdown(socket.SHUT_WR)

    async def _serve(self, sock: socket.socket, client: Address, tls: SSLContext | None) -> None:
        """The life of a connection, from where the client was let in to where it has left."""
        self._house.records.reach(Peak.INCOMING_CONNECTIONS, self._house.door.inside)
        connection = Connection(
            self._house.rules.hostname, lambda connection: Session(self._house, connection, client).run()
        )
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=tls,
                ssl_handshake_timeout=None if tls is None else HANDSHAKE,
            )
            with suppress(asyncio.CancelledError):  # also when the client is lost: aiosmtpd cancels it then
                await connection.task()
        except OSError as problem:
            _log.info("no TLS with [%s]: %s", client, problem or type(problem).__name__)
            self._house.records.count(Counter.INCOMING_CONNECTION_ERRORS)
            sock.close()
        finally:
            self._house.door.leave(client)

    async def close(self, within: float) -> None:
        """Return when all clients have left, or have been cut off after so many seconds."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=within)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _read_header(sock: socket.socket) -> ProxyHeader:
    """Read a PROXY header and nothing behind it: TLS or SMTP reads on from there."""
    received = b""
    while True:
        ahead = await _when_readable(sock, lambda: sock.recv(MOST_BYTES, socket.MSG_PEEK))
        if not ahead:
            raise EOFError("the connection was closed")
        header = parse_header(received + ahead)
        # What is no header yet belongs to it as a whole.
        taken = len(ahead) if header is None else header.size - len(received)
        received += sock.recv(taken)
        if header is not None:
            return header


async def _when_readable(sock: socket.socket, read: Callable[[], bytes]) -> bytes:
    loop = asyncio.get_running_loop()
    while True:
        try:
            return read()
        except (BlockingIOError, InterruptedError):
            readable = asyncio.Event()
            loop.add_reader(sock, readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(sock)
