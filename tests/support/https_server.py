"""A web server on loopback, in TLS, that answers every request with what it was told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class HttpsServer:
    """What it answers, and what it was asked. All of it may be changed while it runs."""

    content: bytes = b""
    status: str = "200 OK"
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[str, ...] = ()
    hold: asyncio.Event | None = None  # while it is not set, nothing is answered
    asked: list[str] = field(default_factory=list)  # `host path`
    port: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in request)
            }
            self.asked.append(f"{fields['host']} {request[0].split()[1]}")
            if self.hold:
                await self.hold.wait()
            head = [f"HTTP/1.1 {self.status}", f"Content-Type: {self.content_type}", *self.headers]
            head += [f"Content-Length: {len(self.content)}", "Connection: close", "", ""]
            writer.write("\r\n".join(head).encode() + self.content)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client that does not trust us
        finally:
            writer.close()


@asynccontextmanager
async def https_server(context: ssl.SSLContext) -> AsyncIterator[HttpsServer]:
    """A server on a free port of 127.0.0.1."""
    server = HttpsServer()
    listening = await asyncio.start_server(server._serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()
