"""The application: routes, access and problems put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.runtime.clock import utc_now
from gateway.runtime.ids import new_id
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import Auditing
from services.api.description import describe
from services.api.health import health_routes
from services.api.limits import Allowance
from services.api.problems import answer_problems
from services.api.routes.audit import audit_routes
from services.api.routes.bases import bases_routes
from services.api.routes.config import config_routes
from services.api.routes.events import event_routes
from services.api.routes.explain import explain_routes
from services.api.routes.license import license_routes
from services.api.routes.messages import message_routes
from services.api.routes.modules import module_routes
from services.api.routes.parked import parked_routes
from services.api.routes.queue import queue_routes
from services.api.routes.stats import stats_routes
from services.api.routes.status import status_routes
from services.api.routes.storages import storage_routes
from services.api.tokens import Role, TokenFile

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def make_app(gateway: Gateway, now: Callable[[], datetime] = utc_now) -> FastAPI:
    """The API of `gateway`, for the holders of its tokens."""
    # Described to holders of tokens alone: it would tell the unknown what there is to ask.
    app = FastAPI(title="Mailwarden", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    records, settings = gateway.records, gateway.settings.api
    door = Door(
        TokenFile(settings.token_file),
        Allowance(settings.requests_per_minute),
        Allowance(settings.failures_per_minute),
        Auditing(records.audit, now, new_id),
    )
    app.include_router(health_routes(gateway.readiness))
    routers = [
        status_routes(gateway, door, now),
        stats_routes(gateway, door, now),
        license_routes(gateway, door, now),
        queue_routes(gateway, door, now),
        storage_routes(gateway, door, now),
        message_routes(gateway, door),
        explain_routes(gateway, door, now),
        module_routes(gateway, door),
        config_routes(gateway, door, now),
        bases_routes(gateway, door),
        parked_routes(gateway, door, now),
        event_routes(gateway, door, now),
        audit_routes(gateway, door),
    ]
    routers.append(_description_routes(app, door, routers))
    for router in routers:
        app.include_router(router, prefix="/v1")
    app.add_middleware(_Guarded)
    answer_problems(app)
    return app


def _description_routes(app: FastAPI, door: Door, described: Sequence[APIRouter]) -> APIRouter:
    router = APIRouter(tags=["description"])

    @router.get(
        "/openapi.json",
        operation_id="get_description",
        dependencies=[Depends(door.open_to(Role.VIEWER))],
    )
    async def description() -> dict[str, Any]:
        """What can be asked here, for who makes a client (OpenAPI)."""
        return describe(app, dict(_roles(described, door)))

    return router


def _roles(routers: Iterable[APIRouter], door: Door) -> Iterator[tuple[str, Role]]:
    """The role that each operation needs."""
    for route in (route for router in routers for route in router.routes):
        if isinstance(route, APIRoute):
            for dependency in route.dependant.dependencies:
                if dependency.call in door.roles:
                    yield str(route.operation_id), door.roles[dependency.call]


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
