"""Who changed what."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import AwareDatetime

from gateway.operations.audit import AuditPage, list_audit
from gateway.records.audit import AuditFilter
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.problems import told
from services.api.queries import Page, Text
from services.api.tokens import Role


class PageOfAudit(Page):
    """Which records are wanted."""

    who: Text = ""
    action: Text = ""
    since: AwareDatetime | None = None
    before: AwareDatetime | None = None

    def wanted(self) -> AuditFilter:
        """The same in the words of the records."""
        return AuditFilter(who=self.who, action=self.action, since=self.since, before=self.before)


def audit_routes(gateway: Gateway, door: Door) -> APIRouter:
    """`/audit`."""
    router = APIRouter(tags=["audit"], route_class=AuditedRoute)
    see = [Depends(door.open_to(Role.ADMINISTRATOR))]

    @router.get("/audit", operation_id="list_audit", dependencies=see, responses=told(400))
    async def audit(asked: Annotated[PageOfAudit, Query()]) -> AuditPage:
        """Who changed what, or looked into mail, newest first."""
        try:
            return await list_audit(gateway.records, asked.wanted(), cursor=asked.cursor, most=asked.limit)
        except ValueError as problem:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(problem)) from problem

    return router
