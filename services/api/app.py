"""The application: routes, access and problems put together."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.blobs.port import Blobs
from gateway.bus.port import Bus
from gateway.records.port import Records
from gateway.runtime.clock import utc_now
from gateway.runtime.licensing import Licensing
from gateway.runtime.readiness import Readiness, worlds_of
from services.api.access import known_holder
from services.api.health import health_routes
from services.api.problems import answer_problems
from services.api.routes import mail_routes
from services.api.tokens import TokenFile

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def make_app(
    bus: Bus,
    blobs: Blobs,
    records: Records,
    licensing: Licensing,
    tokens: TokenFile,
    bases: Path,
    readiness: Readiness | None = None,
) -> FastAPI:
    """The API over these worlds, for the holders of these tokens; `bases` is where databases lie."""
    # Its own description would tell the unknown what there is to ask.
    app = FastAPI(title="Mailwarden", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(health_routes(readiness or Readiness(worlds_of(bus, blobs, records))))
    app.include_router(mail_routes(bus, records, licensing, known_holder(tokens), utc_now, bases))
    app.add_middleware(_Guarded)
    answer_problems(app)
    return app


class _Guarded:
    """Adds to each answer that it is for its asker alone, and nothing that a browser may run or frame."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)
