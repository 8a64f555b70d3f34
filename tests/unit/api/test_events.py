"""What happens to mail, as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from gateway.domain.endpoint import HostPort
from gateway.domain.journey import Ended, Ending
from gateway.operations import following
from gateway.records.history import StepPlace
from gateway.runtime.clock import utc_now
from services.api import server
from services.api.routes import events
from services.api.server import bind, serve_app
from services.api.tokens import Role
from tests.support.api import TOKENS, Api, an_api
from tests.support.waiting import until

KNOWN = {"Authorization": f"Bearer {TOKENS[Role.VIEWER]}"}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(following, "SETTLES", timedelta(0))


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with an_api(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def listening(api: Api, last: str = "") -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a stream, over a real connection."""
    headers = KNOWN | ({"Last-Event-ID": last} if last else {})
    async with (
        served(api) as port,
        httpx.AsyncClient(timeout=60, headers=headers) as client,
        client.stream("GET", f"http://127.0.0.1:{port}/v1/events") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield answer.aiter_lines()


@asynccontextmanager
async def served(api: Api) -> AsyncIterator[int]:
    ready = asyncio.Event()
    stopping = api.gateway.lifecycle.stopping
    with bind(HostPort("127.0.0.1", 0)) as bound:
        serving = asyncio.create_task(serve_app(api.app, bound, stopping, ready=ready.set))
        await ready.wait()
        try:
            yield bound.getsockname()[1]
        finally:
            stopping.set()
            await asyncio.wait_for(serving, 60)


async def next_event(lines: AsyncIterator[str]) -> dict[str, str]:
    told: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if name:
            told[name] = value
        elif "id" in told:
            return told
    raise AssertionError("the stream ended")


async def happens(api: Api, mail_id: str, reason: str = "") -> None:
    await api.gateway.records.keep(Ended(mail_id, utc_now(), Ending.DELIVERED, reason))


async def test_events_are_told_as_they_happen_and_none_twice(api: Api) -> None:
    async with asyncio.timeout(120), listening(api) as lines:
        assert (await anext(lines)).startswith(":")
        told = []
        for name in ("a", "b"):
            await happens(api, name, "x\n\nevent: forged\ndata: {}\u2028")
            told.append(await next_event(lines))

    assert [event["event"] for event in told] == ["Ended", "Ended"]
    assert [json.loads(event["data"])["mail_id"] for event in told] == ["a", "b"]
    assert json.loads(told[0]["data"])["detail"]["reason"].startswith("x\n\nevent: forged")


async def test_who_comes_back_misses_nothing(api: Api) -> None:
    begin = following.write_place(StepPlace(utc_now() - timedelta(seconds=1)))
    await happens(api, "a")
    await happens(api, "b")

    async with asyncio.timeout(120), listening(api, begin) as lines:
        first = await next_event(lines)
    api.gateway.lifecycle.stopping.clear()
    async with asyncio.timeout(120), listening(api, first["id"]) as lines:
        second = await next_event(lines)

    assert [json.loads(event["data"])["mail_id"] for event in (first, second)] == ["a", "b"]


@pytest.mark.parametrize(
    "last", ["x", "e30=", following.write_place(StepPlace(datetime(2026, 1, 5, tzinfo=UTC))) + "A", "W10="]
)
async def test_an_id_that_no_event_has_is_refused(api: Api, last: str) -> None:
    answer = await api.client(Role.VIEWER).get("/v1/events", headers={"Last-Event-ID": last})

    assert (answer.status_code, answer.json()["status"]) == (400, 400)


async def test_only_so_many_listen_at_once_and_who_leaves_makes_room(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_LISTENERS", 1)
    async with served(api) as port, httpx.AsyncClient(timeout=60, headers=KNOWN) as client:
        url = f"http://127.0.0.1:{port}/v1/events"
        async with client.stream("GET", url) as first:
            lines = first.aiter_lines()  # who lets go of them hangs up
            assert await anext(lines)
            second = await client.get(url)

        async def room() -> bool:
            async with client.stream("GET", url) as third:
                return third.status_code == 200

        assert second.status_code == 429
        async with asyncio.timeout(60):
            while not await room():
                await asyncio.sleep(0.02)


async def test_silence_is_broken_by_signs_of_life(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)

    async with asyncio.timeout(120), listening(api) as lines:
        signs = [await anext(lines) for _ in range(6)]

    assert signs.count(": still here") >= 2


async def test_who_reads_nothing_is_hung_up_on(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SLOWEST_READER_SECONDS", 0.1)
    begin = following.write_place(StepPlace(utc_now() - timedelta(seconds=1)))
    for number in range(400):
        api.gateway.records.note(Ended(f"m{number}", utc_now(), Ending.DELIVERED, "x" * 50_000))
    await happens(api, "last")
    async with served(api) as port:
        before = len(asyncio.all_tasks())
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        request = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {KNOWN['Authorization']}\r\n"
        writer.write(f"{request}Last-Event-ID: {begin}\r\n\r\n".encode())
        await until(lambda: len(asyncio.all_tasks()) > before, within=60)
        await until(lambda: len(asyncio.all_tasks()) <= before, within=60)
        writer.transport.abort()
