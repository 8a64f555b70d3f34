"""Mail that a fault of our own stopped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from gateway.domain.errors import PermanentFailure
from gateway.operations.parked import ParkedPage, drop_parked, find_parked, list_parked, retry_parked
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.answers import Effect
from services.api.auditing import AuditedRoute
from services.api.problems import told
from services.api.queries import DryRun, Page, ParkedId
from services.api.tokens import Role


def parked_routes(gateway: Gateway, door: Door, now: Callable[[], datetime]) -> APIRouter:
    """`/parked`."""
    router = APIRouter(tags=["parked"], route_class=AuditedRoute)
    see = [Depends(door.open_to(Role.VIEWER))]
    act = [Depends(door.open_to(Role.OPERATOR, written_down=True))]
    bus, records = gateway.bus, gateway.records

    @router.get("/parked", operation_id="list_parked", dependencies=see)
    async def parked(asked: Annotated[Page, Query()]) -> ParkedPage:
        """Mail that a fault stopped, and why; also what cannot be decoded any more."""
        return await list_parked(bus, cursor=asked.cursor, most=asked.limit)

    @router.post(
        "/parked/{parked_id}/retry", operation_id="retry_parked", dependencies=act, responses=told(404, 409)
    )
    async def retry(parked_id: ParkedId, *, dry_run: DryRun = False) -> Effect:
        """Put it back to the stage that it was stopped at."""
        if dry_run:
            found = await find_parked(bus, [parked_id])
            if found and found[0].stage is None:
                raise HTTPException(HTTPStatus.CONFLICT, "nothing says which stage this was stopped at")
            return _effect(len(found), dry_run=True)
        try:
            return _effect(len(await retry_parked(bus, records, [parked_id], now())), dry_run=False)
        except PermanentFailure as failure:
            raise HTTPException(HTTPStatus.CONFLICT, str(failure)) from failure

    @router.delete("/parked/{parked_id}", operation_id="drop_parked", dependencies=act, responses=told(404))
    async def drop(parked_id: ParkedId, *, dry_run: DryRun = False) -> Effect:
        """Remove it for good: nobody gets it, and nobody is told."""
        if dry_run:
            return _effect(len(await find_parked(bus, [parked_id])), dry_run=True)
        return _effect(len(await drop_parked(bus, records, [parked_id], now())), dry_run=False)

    return router


def _effect(count: int, *, dry_run: bool) -> Effect:
    if not count:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no parked mail of this id is there")
    return Effect(count, dry_run)
