from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from gateway.config.certificate import api_context
from gateway.config.sections.gateway import ApiSection
from gateway.domain.endpoint import HostPort
from gateway.domain.errors import ConfigError
from services.api import server
from services.api.server import bind, serve_app
from services.api.tokens import Role
from tests.support.api import TOKENS, an_api
from tests.support.certificates import host_certificate
from tests.support.records import ReadRecords

TOKEN = TOKENS[Role.VIEWER]


@asynccontextmanager
async def served(
    app: FastAPI, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, int, asyncio.Event]]:
    stopping, ready = asyncio.Event(), asyncio.Event()
    with bind(HostPort("127.0.0.1", 0)) as bound:
        host, port = bound.getsockname()
        serving = asyncio.create_task(serve_app(app, bound, stopping, tls=tls, ready=ready.set))
        await ready.wait()
        try:
            yield host, port, stopping
        finally:
            stopping.set()
            await asyncio.wait_for(serving, 20)


async def test_a_viewer_is_answered_over_a_real_connection(tmp_path: Path) -> None:
    async with (
        an_api(tmp_path, records=ReadRecords()) as api,
        served(api.app) as (host, port, _),
        httpx.AsyncClient() as client,
    ):
        url, known = f"http://{host}:{port}/v1/queue", {"Authorization": f"Bearer {TOKEN}"}
        refused = await client.get(url)
        told = await client.get(url, headers=known)

    assert refused.status_code == 401
    assert told.json() == {"mails": [], "next": None}
    assert "server" not in told.headers


async def test_what_is_being_answered_when_it_stops_is_answered() -> None:
    app = FastAPI()
    asked, may_answer = asyncio.Event(), asyncio.Event()

    @app.get("/slow")
    async def slow() -> str:
        asked.set()
        await may_answer.wait()
        return "done"

    async with served(app) as (host, port, stopping), httpx.AsyncClient() as client:
        answering = asyncio.create_task(client.get(f"http://{host}:{port}/slow"))
        await asked.wait()
        stopping.set()
        may_answer.set()
        answer = await answering

    assert answer.json() == "done"


async def test_a_connection_without_a_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FIRST_REQUEST_SECONDS", 0.05)
    async with served(FastAPI()) as (host, port, _):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /healthz HTT")
        rest = await asyncio.wait_for(reader.read(), 10)
        writer.close()

    assert rest == b""


def test_a_taken_port_is_an_error_that_names_place_and_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}.*\[gateway\.api\]"):
            bind(HostPort("127.0.0.1", port))


async def test_with_a_certificate_nothing_is_answered_in_the_clear(tmp_path: Path) -> None:
    certificate, key = host_certificate("127.0.0.1").write(tmp_path, "api")
    tls = api_context(ApiSection(certificate=certificate, key=key))
    trusting = ssl.create_default_context(cafile=certificate)
    app = FastAPI()

    @app.get("/x")
    async def answer() -> str:
        return "done"

    async with served(app, tls) as (host, port, _), httpx.AsyncClient(verify=trusting) as client:
        told = await client.get(f"https://{host}:{port}/x")
        with pytest.raises(httpx.HTTPError):
            await client.get(f"http://{host}:{port}/x")

    assert told.json() == "done"
