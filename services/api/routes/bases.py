"""The databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, Depends

from gateway.operations.bases import BasesStatus, status_of_bases
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.tokens import Role


def bases_routes(gateway: Gateway, door: Door) -> APIRouter:
    """`/bases`."""
    see = [Depends(door.open_to(Role.VIEWER))]
    router = APIRouter(tags=["bases"], route_class=AuditedRoute, dependencies=see)

    @router.get("/bases", operation_id="list_bases")
    async def bases() -> Sequence[BasesStatus]:
        """The databases in use; nothing of a family whose databases are those that came with the gateway."""
        return await asyncio.to_thread(status_of_bases, gateway.settings.path.bases_path)

    return router
