"""An SMTP client that sends exactly the bytes it is given, however wrong they are."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PATIENCE = 60.0
"""Seconds for an answer; only reached when a test fails."""


class RawClient:
    """One connection.

    On a bare socket, because a stream forgets what it has received when sending fails.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._received = bytearray()
        self._tls: ssl.SSLObject | None = None
        self._from_server, self._to_server = ssl.MemoryBIO(), ssl.MemoryBIO()

    async def encrypt(self, *, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> str:
        """Agree on TLS, whatever the certificate; the version. `OSError` when the server does not."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = newest
        self._tls = context.wrap_bio(self._from_server, self._to_server)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fetch():
                    raise ConnectionResetError("the server closed in the handshake") from None
            else:
                await self._flush()
                return self._tls.version() or ""

    @property
    def certificate(self) -> bytes:
        """What the server showed, in DER."""
        assert self._tls is not None
        return self._tls.getpeercert(binary_form=True) or b""

    async def send(self, sent: bytes, *, piece_size: int = 0) -> None:
        """Send bytes, in pieces of that size if one is given. What a server no longer takes is dropped."""
        step = piece_size or len(sent) or 1
        with suppress(ConnectionError):
            for start in range(0, len(sent), step):
                await self._put(sent[start : start + step])
                # Let a server in the same loop read this piece for itself.
                for _ in range(4 if piece_size else 0):
                    await asyncio.sleep(0)

    async def line(self) -> str:
        """The next line, without its end. "" when there is none any more."""
        async with asyncio.timeout(PATIENCE):
            while b"\r\n" not in self._received:
                if not await self._receive():
                    return ""
        line, _, self._received = self._received.partition(b"\r\n")
        return line.decode("ascii")

    async def reply(self) -> str:
        """The next reply, its lines parted by "\\n". "" when there is none any more."""
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return "\n".join(lines)

    async def replies(self, count: int) -> list[str]:
        """So many replies."""
        return [await self.reply() for _ in range(count)]

    async def say(self, command: str) -> str:
        """Send a command and give the reply to it."""
        await self.send(command.encode() + b"\r\n")
        return await self.reply()

    async def all(self) -> bytes:
        """All that the server says until it closes."""
        async with asyncio.timeout(PATIENCE):
            while await self._receive():
                pass
        return bytes(self._received)

    async def is_closed(self) -> bool:
        """Wait for the server to close; False when it says something instead."""
        async with asyncio.timeout(PATIENCE):
            return not self._received and not await self._receive()

    def end_sending(self) -> None:
        """Say that nothing more will come, and go on listening."""
        with suppress(OSError):  # the server may have closed already
            self._socket.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Break the connection off."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    async def _put(self, piece: bytes) -> None:
        if self._tls is None:
            await asyncio.get_running_loop().sock_sendall(self._socket, piece)
        else:
            self._tls.write(piece)
            await self._flush()

    async def _receive(self) -> bool:
        """More of what the server says; False when it says no more."""
        while self._tls is not None:
            try:
                text = self._tls.read(65536)
            except ssl.SSLWantReadError:
                if not await self._fetch():
                    return False
            except ssl.SSLError:
                return False
            else:
                self._received += text
                return bool(text)
        with suppress(ConnectionError):
            chunk = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
            self._received += chunk
            return bool(chunk)
        return False

    async def _fetch(self) -> bool:
        with suppress(ConnectionError):
            chunk = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
            self._from_server.write(chunk)
            return bool(chunk)
        return False

    async def _flush(self) -> None:
        with suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(self._socket, self._to_server.read())


@asynccontextmanager
async def connected(port: int, *, ip: str = "127.0.0.1") -> AsyncIterator[RawClient]:
    """A client with that address, connected to a server on this machine, that has read nothing yet."""
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.bind((ip, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        yield RawClient(sock)


@asynccontextmanager
async def greeted(port: int, *, ip: str = "127.0.0.1", header: bytes = b"") -> AsyncIterator[RawClient]:
    """A client that has said EHLO, behind a PROXY header if there is one."""
    async with connected(port, ip=ip) as client:
        await client.send(header)
        await client.reply()
        await client.say("EHLO client.example")
        yield client
