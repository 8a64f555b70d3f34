"""Who may ask: nothing but health is answered without a token."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.api.tokens import Holder, Role, TokenFile

_BEARER = HTTPBearer(auto_error=False)


def known_holder(tokens: TokenFile) -> Callable[..., Holder]:
    """A dependency that lets only holders of a token through (RFC 6750)."""

    # A plain `def`: it reads a file, so it runs in a thread.
    def holder(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> Holder:
        if given is None:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "a token is needed", {"WWW-Authenticate": "Bearer"})
        found = tokens.holder_of(given.credentials)
        if found is None:
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "this token is not known",
                {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        return found

    return holder


def operator(holder: Callable[..., Holder]) -> Callable[..., Holder]:
    """A dependency that lets only those holders of a token through who may change something."""

    # No `Annotated`: an annotation is text, in which nobody finds `holder`.
    def operating(known: Holder = Depends(holder)) -> Holder:  # noqa: B008
        if known.role is not Role.OPERATOR:
            raise HTTPException(HTTPStatus.FORBIDDEN, "this needs a token of the role operator")
        return known

    return operating
