"""Writes down who changes what: before it is done, and what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from gateway.domain.errors import TemporaryFailure
from gateway.records.audit import AuditRecord, AuditRecords
from services.api.problems import Unfit
from services.api.tokens import Holder

_YES = frozenset({"1", "true", "t", "yes", "y", "on"})  # as queries are read

_log = logging.getLogger(__name__)


class Auditing:
    """Keeps the records. While they are away nothing is changed."""

    def __init__(self, records: AuditRecords, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._records = records
        self._now = now
        self._new_id = new_id

    async def begin(self, request: Request, holder: Holder) -> None:
        """Put on record that something is about to be done. Raises `TemporaryFailure`."""
        query = f"?{request.url.query}" if request.url.query else ""
        record = AuditRecord(
            id=self._new_id(),
            at=self._now(),
            who=holder.name,
            role=holder.role,
            address=request.client.host if request.client else "",
            action=request.scope["route"].operation_id or request.scope["route"].name,
            target=request.url.path + query,
            dry_run=request.query_params.get("dry_run", "").lower() in _YES,
        )
        await self._records.begin(record)
        request.state.audited = self, record

    async def conclude(self, record: AuditRecord, result: int, detail: str) -> None:
        """Put on record what came of it."""
        try:
            await self._records.conclude(replace(record, result=result, detail=detail))
        except TemporaryFailure as trouble:
            # It is done, and on record: only its end is not.
            _log.error("API: the end of %s by %s is not on record: %s", record.action, record.who, trouble)


class AuditedRoute(APIRoute):
    """A route whose end is put on record, if its beginning was."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, and the record behind it."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                response = await handle(request)
            except Exception as failure:
                await _conclude(request, *_told(failure))
                raise
            await _conclude(request, response.status_code, _said(response))
            return response

        return handled


async def _conclude(request: Request, result: int, detail: str) -> None:
    if found := getattr(request.state, "audited", None):
        auditing, record = found
        await auditing.conclude(record, result, detail)


def _said(response: Response) -> str:
    """What was answered, unless it is the content of mail."""
    if response.headers.get("Content-Type") != "application/json":
        return ""
    return bytes(response.body).decode()


def _told(failure: Exception) -> tuple[int, str]:
    match failure:
        case HTTPException():
            return failure.status_code, str(failure.detail)
        case Unfit():
            return HTTPStatus.UNPROCESSABLE_ENTITY, str(failure)
        case RequestValidationError():
            return HTTPStatus.UNPROCESSABLE_ENTITY, ""
        case TemporaryFailure() | TimeoutError():
            return HTTPStatus.SERVICE_UNAVAILABLE, str(failure)
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR, type(failure).__name__
