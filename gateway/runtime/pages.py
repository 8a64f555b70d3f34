"""A small HTTP server for a process's own pages: whatever the client does, it costs little and soon ends.

One request a connection, `GET` or `HEAD`, and nothing is read behind its header (RFC 9112).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from gateway.domain.endpoint import HostPort
from gateway.domain.errors import ConfigError

MOST_CONNECTIONS = 32
"""At once; who comes then is cut off."""

LARGEST_REQUEST = 8192
"""Bytes of a request line with all its fields."""

EXCHANGE_SECONDS = 15.0
"""For a whole exchange: Prometheus gives up after ten seconds by default."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says now."""

    content: str
    content_type: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK


Page = Callable[[], Awaitable[Answer]]


class PageServer:
    """Answers with `pages`, by their paths, until it is closed."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._exchanges: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, listen: HostPort) -> None:
        """Begin. `ConfigError` names the place when it cannot be had."""
        try:
            self._server = await asyncio.start_server(self._meet, *listen, limit=LARGEST_REQUEST)
        except OSError as problem:
            raise ConfigError(
                f"the pages for monitoring cannot listen on {listen} ({problem.strerror or problem}): end"
                " what listens there, or choose another Listen in [gateway.metrics]"
            ) from problem

    async def close(self) -> None:
        """Listen no more; what is being answered is cut off."""
        if self._server is None:
            return
        self._server.close()
        for exchange in self._exchanges:
            exchange.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchange = asyncio.create_task(self._exchange(reader, writer))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._exchanges.discard)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if len(self._exchanges) > MOST_CONNECTIONS:
                return
            async with asyncio.timeout(EXCHANGE_SECONDS):
                answer, body = await self._answer(reader)
                writer.write(_response(answer, with_body=body))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has left, or never said what it wants
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[Answer, bool]:
        """What to answer, and whether its content is wanted."""
        try:
            request = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), True
        match request.partition(b"\r\n")[0].decode("latin-1").split(" "):
            case [("GET" | "HEAD") as method, target, "HTTP/1.1" | "HTTP/1.0"]:
                return await self._told(target.partition("?")[0]), method == "GET"
            case [_, _, version] if version.startswith("HTTP/"):
                return _refusal(HTTPStatus.METHOD_NOT_ALLOWED), True
            case _:
                return _refusal(HTTPStatus.BAD_REQUEST), True

    async def _told(self, path: str) -> Answer:
        page = self._pages.get(path)
        if page is None:
            return _refusal(HTTPStatus.NOT_FOUND)
        try:
            return await page()
        except Exception:  # a fault of ours in a page must not be taken for a dead process
            _log.exception("the page %s cannot be told", path)
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR)


def _refusal(status: HTTPStatus) -> Answer:
    return Answer(f"{status.phrase}\n", "text/plain; charset=utf-8", status)


def _response(answer: Answer, *, with_body: bool) -> bytes:
    content = answer.content.encode()
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(content)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + (content if with_body else b"")
