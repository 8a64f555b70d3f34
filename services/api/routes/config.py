"""The configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import Field

from gateway.config.file import ChangedMeanwhile, NotOurs, Version
from gateway.config.findings import InvalidConfig, printable
from gateway.operations.configuration import Applied, Checked, ConfigShown, Configuration
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.bodies import PLAIN, body_of
from services.api.problems import Unfit, told
from services.api.queries import DRY_RUN, DryRun, Strict
from services.api.tokens import Role

MOST_BYTES = 4 << 20
"""A draft may be this large; lists have files of their own."""

VersionId = Annotated[str, Path(pattern=r"^[0-9]{8}T[0-9]{12}Z-[0-9a-f]{12}$")]


class Application(Strict):
    """How a draft is put into force."""

    base: Annotated[
        str, Field(pattern="^([0-9a-f]{12})?$", description="`digest` of what the draft was made from.")
    ] = ""
    dry_run: Annotated[bool, Field(description=DRY_RUN)] = False


def config_routes(gateway: Gateway, door: Door, now: Callable[[], datetime]) -> APIRouter:
    """`/config`."""
    router = APIRouter(tags=["config"], route_class=AuditedRoute)
    read = [Depends(door.open_to(Role.ADMINISTRATOR))]
    administer = [Depends(door.open_to(Role.ADMINISTRATOR, written_down=True))]

    def configuration() -> Configuration:
        if gateway.config is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "the configuration comes from no file")
        watched = gateway.lifecycle.is_watched
        return Configuration(gateway.config, gateway.settings, gateway.bus, os.environ, watched=watched)

    @router.get("/config", operation_id="get_config", dependencies=read, responses=told(404))
    async def shown() -> ConfigShown:
        """The configuration file without its secrets, and whether it can be changed here."""
        with _readable():
            return await configuration().shown()

    @router.post(
        "/config/check",
        operation_id="check_config",
        dependencies=read,
        openapi_extra=PLAIN,
        responses=told(404, 413, 415),
    )
    async def check(request: Request) -> Checked:
        """What `smtpgw -k` would say of a draft, which is the body. Nothing is changed."""
        draft = await _draft(request)
        with _readable():
            return await configuration().check(draft)

    @router.put(
        "/config",
        operation_id="apply_config",
        dependencies=administer,
        openapi_extra=PLAIN,
        responses=told(404, 409, 413, 415),
    )
    async def apply(request: Request, how: Annotated[Application, Query()]) -> Applied:
        """Put a draft into force, which is the body: it is checked, the former is kept, all start anew."""
        draft = await _draft(request)
        with _refusals(), _readable():
            return await configuration().apply(draft, now(), base=how.base, dry_run=how.dry_run)

    @router.get(
        "/config/history", operation_id="list_config_versions", dependencies=read, responses=told(404)
    )
    async def history() -> Sequence[Version]:
        """What the configuration was before it was changed over the API, newest first."""
        return await configuration().versions()

    @router.get(
        "/config/history/{version_id}",
        operation_id="get_config_version",
        dependencies=read,
        response_class=PlainTextResponse,
        responses=told(404),
    )
    async def version(version_id: VersionId) -> PlainTextResponse:
        """A former configuration, without its secrets."""
        text = await configuration().version(version_id)
        if text is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such version")
        return PlainTextResponse(text)

    @router.post(
        "/config/history/{version_id}/apply",
        operation_id="roll_back_config",
        dependencies=administer,
        responses=told(404, 409),
    )
    async def roll_back(version_id: VersionId, *, dry_run: DryRun = False) -> Applied:
        """Put a former configuration into force again: it is checked like a draft."""
        with _refusals(), _readable():
            applied = await configuration().roll_back(version_id, now(), dry_run=dry_run)
        if applied is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such version")
        return applied

    return router


async def _draft(request: Request) -> str:
    try:
        return (await body_of(request, MOST_BYTES, "text/plain")).decode("utf-8")
    except UnicodeDecodeError as problem:
        raise Unfit("the configuration has to be text in UTF-8") from problem


@contextmanager
def _readable() -> Iterator[None]:
    """The file is the operator's: it may be away, or be no text."""
    try:
        yield
    except (OSError, UnicodeDecodeError) as problem:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"the file cannot be read: {problem}") from problem


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except InvalidConfig as invalid:
        raise Unfit("the configuration is not valid", printable(invalid.findings)) from invalid
    except (ChangedMeanwhile, NotOurs) as refused:
        raise HTTPException(HTTPStatus.CONFLICT, str(refused)) from refused
