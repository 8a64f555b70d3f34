"""An SMTP client that sends exactly the bytes it is given, however wrong they are."""

from __future__ import annotations

import asyncio
import socket
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

    async def send(self, sent: bytes, *, piece_size: int = 0) -> None:
        """Send bytes, in pieces of that size if one is given. What a server no longer takes is dropped."""
        loop = asyncio.get_running_loop()
        step = piece_size or len(sent) or 1
        with suppress(ConnectionError):
            for start in range(0, len(sent), step):
                await loop.sock_sendall(self._socket, sent[start : start + step])
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

    async def is_closed(self) -> bool:
        """Wait for the server to close; False when it says something instead."""
        async with asyncio.timeout(PATIENCE):
            return not self._received and not await self._receive()

    def end_sending(self) -> None:
        """Say that nothing more will come, and go on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Break the connection off."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    async def _receive(self) -> bool:
        with suppress(ConnectionError):
            chunk = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
            self._received += chunk
            return bool(chunk)
        return False


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
async def greeted(port: int, *, ip: str = "127.0.0.1") -> AsyncIterator[RawClient]:
    """A client that has said EHLO."""
    async with connected(port, ip=ip) as client:
        await client.reply()
        await client.say("EHLO client.example")
        yield client
