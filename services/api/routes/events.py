"""What happens to mail, as a stream of server-sent events.

Each listener reads the records at its own pace, so that nothing piles up for who is slow. The server hangs up
on who reads nothing at all. A listener that comes back names the last event that it got, and misses none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.domain.errors import TemporaryFailure
from gateway.operations.following import read_place, what_happened, write_place
from gateway.records.history import NamedStep, StepPlace
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.problems import told
from services.api.tokens import Role

MOST_LISTENERS = 16
"""Streams at once: each asks the records every second."""

OLDEST = timedelta(days=1)
"""So far back a listener can begin: all further back is in the journeys of mail."""

EVERY_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
"""After so long without an event a comment is sent: who is gone is noticed, and proxies see life."""

_DESCRIPTION: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream without end. `event` is the kind (`Entered`, `Analysed`, `Scanned`, ...), "
        "`id` what to come back with, `data` a JSON object with `mail_id`, `at` and `detail`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
}


def event_routes(gateway: Gateway, door: Door, now: Callable[[], datetime]) -> APIRouter:
    """`/events`."""
    see = [Depends(door.open_to(Role.VIEWER))]
    router = APIRouter(tags=["events"], route_class=AuditedRoute, dependencies=see)
    places = _Places()

    @router.get(
        "/events",
        operation_id="follow_events",
        status_code=HTTPStatus.OK,
        response_class=EventStream,
        responses={**_DESCRIPTION, **told(400)},
    )
    async def events(
        last_event_id: Annotated[
            str, Header(max_length=512, description="The `id` of the last event that was got.")
        ] = "",
    ) -> EventStream:
        """What happens to mail from now on, or behind an event that is at most a day old."""
        try:
            place = read_place(last_event_id) if last_event_id else StepPlace(now())
        except ValueError as problem:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"Last-Event-ID: {problem}") from problem
        begin = max(place, StepPlace(now() - OLDEST), key=lambda one: one.at)
        return EventStream(places, _told(gateway, begin, now), gateway.lifecycle.stopping)

    return router


class _Places:
    """Counts who listens."""

    def __init__(self) -> None:
        self.taken = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class EventStream(Response):
    """Sends what comes, until nobody listens any more or the process stops."""

    media_type = "text/event-stream"

    def __init__(self, places: _Places, pieces: AsyncIterator[bytes], stopping: asyncio.Event) -> None:
        if places.taken >= MOST_LISTENERS:
            raise HTTPException(
                HTTPStatus.TOO_MANY_REQUESTS, f"{MOST_LISTENERS} listen already", {"Retry-After": "60"}
            )
        super().__init__()
        del self.headers["Content-Length"]  # there is no end
        self._places = places
        self._pieces = pieces
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        with self._places.take():
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            ends = (
                asyncio.create_task(self._send_all(send)),
                asyncio.create_task(_gone(receive)),
                asyncio.create_task(self._stopping.wait()),
            )
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in ends:
                    task.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
            if self._stopping.is_set():
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, send: Send) -> None:
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Return when the listener is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _told(gateway: Gateway, place: StepPlace, now: Callable[[], datetime]) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    yield b": the gateway tells what happens\n\n"
    last_sign = clock()
    while True:
        try:
            happened = await what_happened(gateway.records, place, now())
        except TemporaryFailure:
            more = False  # the listener waits as long as it likes
        else:
            place, more = happened.place, happened.more
            if happened.events:
                yield b"".join(map(_written, happened.events))
                last_sign = clock()
        if clock() - last_sign >= HEARTBEAT_SECONDS:
            yield b": still here\n\n"
            last_sign = clock()
        if not more:
            await asyncio.sleep(EVERY_SECONDS)


def _written(event: NamedStep) -> bytes:
    """An event as the stream has it. JSON in ASCII has no line end: no text of mail can begin a field."""
    step = event.step
    told = {"mail_id": event.place.mail_id, "at": step.at.isoformat(), "detail": step.detail}
    return f"id: {write_place(event.place)}\nevent: {step.kind}\ndata: {json.dumps(told)}\n\n".encode()
