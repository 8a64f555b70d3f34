"""What can be asked about mail. Each route is an operation and the shape of its answer, no more."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query

from gateway.bus.port import Bus
from gateway.domain.pipeline import QueueState
from gateway.operations.journey import Journey, journey_of
from gateway.operations.queue import LARGEST_PAGE, QueuePage, list_queue
from gateway.operations.status import GatewayStatus, status_of_gateway
from gateway.records.port import Records
from gateway.runtime.clock import utc_now
from services.api.tokens import Holder


def mail_routes(bus: Bus, records: Records, holder: Callable[..., Holder]) -> APIRouter:
    """`/v1`: all that needs a token."""
    router = APIRouter(prefix="/v1", dependencies=[Depends(holder)])

    @router.get("/status")
    async def status() -> GatewayStatus:
        """How much mail is where, what is suspended, and what is out of order outside."""
        return await status_of_gateway(bus, records, utc_now())

    @router.get("/queue")
    async def queue(
        state: Annotated[list[QueueState], Query(max_length=len(QueueState))] = [],  # noqa: B006 - copied
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100,
        cursor: Annotated[str, Query(max_length=256)] = "",
    ) -> QueuePage:
        """A page of the mail on its way, oldest first; `next` is the cursor of the page behind it."""
        try:
            return await list_queue(records, states=state, cursor=cursor, most=limit)
        except ValueError as problem:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(problem)) from problem

    @router.get("/messages/{mail_id}")
    async def message(mail_id: Annotated[str, Path(max_length=64)]) -> Journey:
        """One mail and all that happened to it."""
        journey = await journey_of(records, mail_id)
        if journey is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no mail of this id is known")
        return journey

    return router
