"""Where mail is, and what became of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from gateway.operations.journey import Journey, MessagePage, find_messages, journey_of
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.problems import told
from services.api.queries import MailId, PageOfMessages
from services.api.tokens import Role


def message_routes(gateway: Gateway, door: Door) -> APIRouter:
    """`/messages`."""
    see = [Depends(door.open_to(Role.VIEWER))]
    router = APIRouter(tags=["messages"], route_class=AuditedRoute, dependencies=see)

    @router.get("/messages", operation_id="find_messages", responses=told(400))
    async def messages(asked: Annotated[PageOfMessages, Query()]) -> MessagePage:
        """Mail that is remembered, newest first. A page may be short, or empty, and not the last one."""
        try:
            return await find_messages(gateway.records, asked.sought(), cursor=asked.cursor, most=asked.limit)
        except ValueError as problem:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(problem)) from problem

    @router.get("/messages/{mail_id}", operation_id="get_message", responses=told(404))
    async def message(mail_id: MailId) -> Journey:
        """One mail, all that happened to it with every finding and action, and what was made of it."""
        journey = await journey_of(gateway.records, mail_id)
        if journey is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no mail of this id is known")
        return journey

    return router
