"""Whether the process lives, and whether the gateway can work: for watchdogs, without a token."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from gateway.blobs.port import Blobs
from gateway.bus.port import Bus
from gateway.operations.status import troubles
from gateway.records.port import Records

FRESH_SECONDS = 1.0
"""An answer about readiness is good for this long: nobody unknown makes us ask the broker at will."""

_log = logging.getLogger(__name__)


class Readiness:
    """Asks the outside worlds, once for all who ask at about the same time."""

    def __init__(
        self, bus: Bus, blobs: Blobs, records: Records, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._worlds = bus, blobs, records
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: Mapping[str, str] = {}
        self._known_until = float("-inf")

    async def troubles(self) -> Mapping[str, str]:
        """Why the gateway cannot work, by world; empty when it can."""
        async with self._lock:
            if self._clock() >= self._known_until:
                former, self._known = self._known, await troubles(*self._worlds)
                self._known_until = self._clock() + FRESH_SECONDS
                if self._known and self._known != former:
                    _log.warning("not ready: %s", "; ".join(f"{n}: {why}" for n, why in self._known.items()))
        return self._known


def health_routes(readiness: Readiness) -> APIRouter:
    """`/healthz` and `/readyz`."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", operation_id="get_health")
    async def healthz() -> JSONResponse:
        """The process lives."""
        return JSONResponse({"status": "ok"})

    @router.get(
        "/readyz",
        operation_id="get_readiness",
        responses={503: {"description": "`silent` names who does not.", "content": {"application/json": {}}}},
    )
    async def readyz() -> JSONResponse:
        """Bus, blobs and records answer. Which of them does not is told; why is in the log alone."""
        silent = sorted(await readiness.troubles())
        if silent:
            return JSONResponse({"status": "not ready", "silent": silent}, HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "ok"})

    return router
