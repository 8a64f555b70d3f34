"""What can be asked and ordered. Each route is an operation and the shape of its answer, no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from pathlib import Path as Directory
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query

from gateway.bus.port import Bus
from gateway.domain.pipeline import Module
from gateway.operations.journey import Journey, journey_of
from gateway.operations.modules import resume_module, suspend_module
from gateway.operations.queue import (
    Done,
    QueuePage,
    list_queue,
    remove_mail,
    remove_mails,
    send_mail,
    send_mails,
)
from gateway.operations.status import GatewayStatus, status_of_gateway
from gateway.records.port import Records
from gateway.runtime.licensing import Licensing
from services.api.access import operator
from services.api.queries import Filter, PageOfQueue
from services.api.tokens import Holder

MailId = Annotated[str, Path(max_length=64)]


def mail_routes(
    bus: Bus,
    records: Records,
    licensing: Licensing,
    holder: Callable[..., Holder],
    now: Callable[[], datetime],
    bases: Directory,
) -> APIRouter:
    """`/v1`: all that needs a token."""
    router = APIRouter(prefix="/v1")
    router.include_router(_questions(bus, records, licensing, now, bases), dependencies=[Depends(holder)])
    router.include_router(_orders(bus, records, now), dependencies=[Depends(operator(holder))])
    return router


def _questions(
    bus: Bus, records: Records, licensing: Licensing, now: Callable[[], datetime], bases: Directory
) -> APIRouter:
    router = APIRouter()

    @router.get("/status")
    async def status() -> GatewayStatus:
        """How much mail is where, what is suspended or out of order, the licence and the databases."""
        return await status_of_gateway(bus, records, licensing.standing, now(), bases)

    @router.get("/queue")
    async def queue(asked: Annotated[PageOfQueue, Query()]) -> QueuePage:
        """A page of the mail on its way, oldest first; `next` is the cursor of the page behind it."""
        try:
            return await list_queue(records, asked.wanted(), cursor=asked.cursor, most=asked.limit)
        except ValueError as problem:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(problem)) from problem

    @router.get("/messages/{mail_id}")
    async def message(mail_id: MailId) -> Journey:
        """One mail and all that happened to it."""
        journey = await journey_of(records, mail_id)
        if journey is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no mail of this id is known")
        return journey

    return router


def _orders(bus: Bus, records: Records, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter()

    @router.delete("/queue")
    async def remove_all(meant: Annotated[Filter, Query()]) -> dict[str, int]:
        """Take mail out of the queue that nobody works on."""
        return {"removed": await remove_mails(bus, records, meant.wanted())}

    @router.post("/queue/send")
    async def send_all(meant: Annotated[Filter, Query()]) -> dict[str, int]:
        """Have mail sent ahead of its time."""
        return {"sent": await send_mails(bus, records, meant.wanted(), now)}

    @router.delete("/queue/{mail_id}", status_code=HTTPStatus.NO_CONTENT)
    async def remove(mail_id: MailId) -> None:
        """Take one mail out of the queue."""
        _refuse_unless_done(await remove_mail(bus, records, mail_id))

    @router.post("/queue/{mail_id}/send", status_code=HTTPStatus.NO_CONTENT)
    async def send(mail_id: MailId) -> None:
        """Have one mail sent ahead of its time."""
        _refuse_unless_done(await send_mail(bus, records, mail_id, now()))

    @router.post("/modules/{module}/suspend", status_code=HTTPStatus.NO_CONTENT)
    async def suspend(module: Module) -> None:
        """Have a module stop its work."""
        await suspend_module(bus, records, module)

    @router.post("/modules/{module}/resume", status_code=HTTPStatus.NO_CONTENT)
    async def resume(module: Module) -> None:
        """Have a module go on."""
        await resume_module(bus, records, module)

    return router


def _refuse_unless_done(order: Done) -> None:
    if order.mail is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no mail of this id is known")
    if not order.done:
        raise HTTPException(HTTPStatus.CONFLICT, f"not in this state of the mail: {order.mail.state}")
