"""What was counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import AwareDatetime

from gateway.domain.statistics import Counter, Peak
from gateway.operations.statistics import Width, statistics_by
from gateway.records.history import Period
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.problems import told
from services.api.queries import Strict
from services.api.tokens import Role


@dataclass(frozen=True, slots=True)
class Statistics:
    """All counters, under their names in the statistics file."""

    counters: Mapping[Counter | Peak, int]  # since the records began; a `_maximum` is the most at once


@dataclass(frozen=True, slots=True)
class Periods:
    """The same for each hour or day in which anything was counted; a counter that is missing was nought."""

    width: Width
    periods: Sequence[Period]


class Span(Strict):
    """Which periods."""

    since: AwareDatetime
    until: AwareDatetime | None = None  # None: now


def stats_routes(gateway: Gateway, door: Door, now: Callable[[], datetime]) -> APIRouter:
    """`/stats`."""
    see = [Depends(door.open_to(Role.VIEWER))]
    router = APIRouter(tags=["stats"], route_class=AuditedRoute, dependencies=see)

    @router.get("/stats", operation_id="get_stats")
    async def stats() -> Statistics:
        """All that was counted since the records began."""
        return Statistics(await gateway.records.statistics())

    @router.get("/stats/{width}", operation_id="get_stats_by_period", responses=told(400))
    async def stats_by(width: Width, span: Annotated[Span, Query()]) -> Periods:
        """What was counted by hour or by day (of UTC), oldest first: at most 1000 periods."""
        try:
            return Periods(
                width, await statistics_by(gateway.records, width, span.since, span.until or now())
            )
        except ValueError as problem:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(problem)) from problem

    return router
