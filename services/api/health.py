"""Whether the process lives, and whether the gateway can work: for watchdogs, without a token."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from gateway.runtime.readiness import Readiness


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
        """The worlds that it needs answer. Which of them does not is told; why is in the log alone."""
        status, told = await readiness.told()
        return JSONResponse(told, status)

    return router
