"""Mail on its way, in the hands of an operator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from gateway.domain.pipeline import REMOVABLE, SENDABLE
from gateway.operations.queue import (
    Done,
    QueuePage,
    list_queue,
    remove_mail,
    remove_mails,
    send_mail,
    send_mails,
    would_change,
    would_remove,
    would_send,
)
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.answers import Effect
from services.api.auditing import AuditedRoute
from services.api.problems import told
from services.api.queries import DryRun, MailId, OrderForQueue, PageOfQueue
from services.api.tokens import Role


def queue_routes(gateway: Gateway, door: Door, now: Callable[[], datetime]) -> APIRouter:
    """`/queue`."""
    router = APIRouter(tags=["queue"], route_class=AuditedRoute)
    see = [Depends(door.open_to(Role.VIEWER))]
    act = [Depends(door.open_to(Role.OPERATOR, written_down=True))]
    bus, records = gateway.bus, gateway.records

    @router.get("/queue", operation_id="list_queue", dependencies=see, responses=told(400))
    async def queue(asked: Annotated[PageOfQueue, Query()]) -> QueuePage:
        """A page of the mail on its way, oldest first; `next` is the cursor of the page behind it."""
        try:
            return await list_queue(records, asked.wanted(), cursor=asked.cursor, most=asked.limit)
        except ValueError as problem:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(problem)) from problem

    @router.delete("/queue", operation_id="remove_queued_mails", dependencies=act)
    async def remove_all(meant: Annotated[OrderForQueue, Query()]) -> Effect:
        """Take mail out of the queue that nobody works on: nobody gets it, and nobody is told."""
        if meant.dry_run:
            return Effect(await would_remove(records, meant.wanted()), dry_run=True)
        return Effect(await remove_mails(bus, records, meant.wanted()), dry_run=False)

    @router.post("/queue/send", operation_id="send_queued_mails", dependencies=act)
    async def send_all(meant: Annotated[OrderForQueue, Query()]) -> Effect:
        """Have mail sent ahead of its time."""
        if meant.dry_run:
            return Effect(await would_send(records, meant.wanted()), dry_run=True)
        return Effect(await send_mails(bus, records, meant.wanted(), now), dry_run=False)

    @router.delete(
        "/queue/{mail_id}", operation_id="remove_queued_mail", dependencies=act, responses=told(404, 409)
    )
    async def remove(mail_id: MailId, *, dry_run: DryRun = False) -> Effect:
        """Take one mail out of the queue."""
        if dry_run:
            return _effect(await would_change(records, mail_id, REMOVABLE), dry_run=True)
        return _effect(await remove_mail(bus, records, mail_id), dry_run=False)

    @router.post(
        "/queue/{mail_id}/send", operation_id="send_queued_mail", dependencies=act, responses=told(404, 409)
    )
    async def send(mail_id: MailId, *, dry_run: DryRun = False) -> Effect:
        """Have one mail sent ahead of its time."""
        if dry_run:
            return _effect(await would_change(records, mail_id, SENDABLE), dry_run=True)
        return _effect(await send_mail(bus, records, mail_id, now()), dry_run=False)

    return router


def _effect(order: Done, *, dry_run: bool) -> Effect:
    if order.mail is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no mail of this id is known")
    if not order.done:
        raise HTTPException(HTTPStatus.CONFLICT, f"not in this state of the mail: {order.mail.state}")
    return Effect(1, dry_run)
