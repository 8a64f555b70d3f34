from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
import pytest

from gateway.domain.endpoint import HostPort
from gateway.domain.errors import ConfigError
from gateway.runtime import pages
from gateway.runtime.pages import Answer, PageServer
from tests.support.ports import free_port

WITHIN = 20.0


async def hello() -> Answer:
    return Answer("hello\n", "text/plain")


async def broken() -> Answer:
    raise KeyError("x")


@pytest.fixture
async def place() -> AsyncIterator[HostPort]:
    listen = HostPort("127.0.0.1", free_port())
    server = PageServer({"/hello": hello, "/broken": broken})
    await server.listen(listen)
    yield listen
    await server.close()


@asynccontextmanager
async def connected(place: HostPort) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*place)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def said_to(place: HostPort, request: bytes) -> bytes:
    async with connected(place) as (reader, writer):
        writer.write(request)
        return await asyncio.wait_for(reader.read(), WITHIN)


async def until_answered(place: HostPort) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            with suppress(ConnectionError):
                if await said_to(place, b"GET /hello HTTP/1.1\r\n\r\n"):
                    return


async def test_a_page_is_told_and_the_connection_ends(place: HostPort) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{place}/hello?x=1")

    assert (answer.status_code, answer.text) == (200, "hello\n")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1", b"404 Not Found"),
        (b"GET /../hello HTTP/1.1", b"404 Not Found"),
        (b"POST /hello HTTP/1.1", b"405 Method Not Allowed"),
        (b"GET /hello", b"400 Bad Request"),
        (b"\xff\xfe", b"400 Bad Request"),
        (b"GET /hello HTTP/1.0", b"200 OK"),
        (b"GET /broken HTTP/1.1", b"500 Internal Server Error"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"431 Request Header Fields Too Large"),
    ],
)
async def test_each_request_is_answered(place: HostPort, request_line: bytes, status: bytes) -> None:
    logging.getLogger("gateway.runtime.pages").setLevel(logging.CRITICAL)

    answer = await said_to(place, request_line + b"\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 " + status + b"\r\n")


async def test_a_head_is_answered_without_the_content(place: HostPort) -> None:
    answer = await said_to(place, b"HEAD /hello HTTP/1.1\r\n\r\n")

    assert b"Content-Length: 6\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_who_says_nothing_is_left(place: HostPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "EXCHANGE_SECONDS", 0.05)

    assert await said_to(place, b"GET /hello HTTP/1.1\r\n") == b""


async def test_too_many_at_once_are_cut_off_and_others_are_answered_later(place: HostPort) -> None:
    async with AsyncExitStack() as silent:
        for _ in range(pages.MOST_CONNECTIONS):
            await silent.enter_async_context(connected(place))

        assert await said_to(place, b"") == b""

    await until_answered(place)


async def test_a_place_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = HostPort(*taken.getsockname())

        with pytest.raises(ConfigError, match=rf"listen on {place} .*\[gateway.metrics\]"):
            await PageServer({}).listen(place)
