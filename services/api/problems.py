"""Errors as problem documents (RFC 9457), which say what the client may do and never how we are built."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.domain.errors import TemporaryFailure

RETRY_AFTER = {"Retry-After": "5"}

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        400: "A parameter or a cursor is wrong; `detail` says which.",
        401: "No token, or one that is not known.",
        403: "The token is good, but not for this.",
        404: "There is no such thing.",
        409: "Not while things are as they are; `detail` says how.",
        413: "It is larger than what is taken here.",
        415: "It is of a type that is not taken here.",
        422: "A parameter or the body is not what it should be; `detail` names it.",
        429: "Too many requests: come back after `Retry-After` seconds.",
        500: "A fault of ours, which is in the log.",
        503: "A part of the gateway does not answer now: come back after `Retry-After` seconds.",
    }
)
"""What a problem says, by its status."""

_log = logging.getLogger(__name__)


class ProblemResponse(JSONResponse):
    """A response that describes a problem."""

    media_type = "application/problem+json"


def problem(
    status: int, detail: str = "", headers: Mapping[str, str] | None = None, *, findings: Sequence[str] = ()
) -> ProblemResponse:
    """The document for a status; its type is `about:blank`, so its title is that of the status."""
    content: dict[str, object] = {"title": HTTPStatus(status).phrase, "status": status}
    if detail:
        content["detail"] = detail
    if findings:
        content["findings"] = list(findings)
    return ProblemResponse(content, status, headers)


class Unfit(Exception):
    """What was sent is not what it should be; `findings` say in how many ways."""

    def __init__(self, detail: str, findings: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.findings = findings


def told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the description of a route: problems that it has besides those that all have."""
    return {status: {"description": MEANINGS[status]} for status in statuses}


def answer_problems(app: FastAPI) -> None:
    """Have `app` answer every error with a problem document."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(Unfit, _unfit)
    app.add_exception_handler(TemporaryFailure, _not_now)
    app.add_exception_handler(TimeoutError, _not_now)
    app.add_exception_handler(Exception, _own_fault)


async def _refused(request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, HTTPException):
        raise error
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
    return problem(error.status_code, detail, error.headers)


async def _not_understood(request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # The place and the rule; never the value, which would come back to whoever sent it.
    wrong = (f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors()[:10])
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(wrong))


async def _unfit(request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, Unfit):
        raise error
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), findings=error.findings)


async def _not_now(request: Request, error: Exception) -> ProblemResponse:
    _log.warning("API: %s cannot be answered now: %s", request.url.path, error or type(error).__name__)
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "a part of the gateway does not answer now", RETRY_AFTER)


async def _own_fault(request: Request, error: Exception) -> ProblemResponse:
    # It is raised again behind this answer, and logged with its traceback by the server.
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR)
