"""The door: who may ask what, how often, and what of it is written down.

Nothing but health is answered without a token.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from math import ceil
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from services.api.auditing import Auditing
from services.api.limits import Allowance, asker_at
from services.api.tokens import Holder, Role, TokenFile

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    bearerFormat="mw_...",
    description="A token made by `python -m services.api.tokens`. Its role says what it is good for.",
)

_log = logging.getLogger(__name__)

Dependency = Callable[..., Awaitable[Holder]]


class Door:
    """Lets holders of tokens in, each role to what it may ask."""

    def __init__(
        self, tokens: TokenFile, requests: Allowance, failures: Allowance, auditing: Auditing
    ) -> None:
        self._tokens = tokens
        self._requests = requests
        self._failures = failures
        self._auditing = auditing
        self.roles: dict[Callable[..., Any] | None, Role] = {}  # that each dependency asks for

    def open_to(self, role: Role, *, written_down: bool = False) -> Dependency:
        """A dependency that lets in who has at least that role (RFC 6750).

        `written_down`: nothing happens before it is on record that it is about to.
        """

        async def holder(
            request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
        ) -> Holder:
            known = await self._known(request, given)
            _refuse_slips(request)
            if not known.role.includes(role):
                raise HTTPException(HTTPStatus.FORBIDDEN, f"this needs a token of the role {role}")
            if written_down:
                await self._auditing.begin(request, known)
            return known

        self.roles[holder] = role
        return holder

    async def _known(self, request: Request, given: HTTPAuthorizationCredentials | None) -> Holder:
        if given is None:
            self._note_failure(request)
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "a token is needed", {"WWW-Authenticate": "Bearer"})
        # In a thread: it may read the file.
        found = await asyncio.to_thread(self._tokens.holder_of, given.credentials)
        if found is None:
            self._note_failure(request)
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "this token is not known",
                {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        _refuse_for(self._requests.take(found.digest))
        return found

    def _note_failure(self, request: Request) -> None:
        """Who has a good token is let in all the same: nobody can lock out others behind one address."""
        address = address_of(request)
        wait = self._failures.take(asker_at(address))
        _refuse_for(wait)
        _log.warning("API: no good token from %s", address)


def _refuse_slips(request: Request) -> None:
    """A parameter that is not known is refused: it may have been meant to spare something."""
    route: APIRoute = request.scope["route"]
    if wrong := sorted(set(request.query_params).difference(_named(route.dependant))):
        raise RequestValidationError(
            [{"loc": ("query", name[:64]), "msg": "there is no such parameter"} for name in wrong]
        )


def _named(dependant: Dependant) -> Iterator[str]:
    """The names of all that may stand in the query of a route."""
    for known in dependant.query_params:
        model = known.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from model.model_fields
        else:
            yield known.alias
    for other in dependant.dependencies:
        yield from _named(other)


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def _refuse_for(wait: float) -> None:
    if wait:
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too many requests: come back later",
            {"Retry-After": str(ceil(wait))},
        )
