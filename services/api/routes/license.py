"""The licence: its keys, and how much of it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import Field

from gateway.domain.licence import Load, Place
from gateway.licences.keyfile import MOST_BYTES
from gateway.licences.keyring import KeyRefused
from gateway.operations.licences import (
    KeyShown,
    KeysShown,
    install_licence,
    remove_licences,
    show_licences,
    usage_of_licence,
)
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.bodies import PLAIN, body_of
from services.api.problems import told
from services.api.queries import DRY_RUN, DryRun, Strict
from services.api.tokens import Role


@dataclass(frozen=True, slots=True)
class LicenceUsage:
    """How much of the licence is used."""

    limit: str  # "" is none
    used: int | None  # of what the limit counts; None: nothing is limited
    left: int | None
    load: Load | None
    hours: Sequence[int]  # bytes received in each hour of today, where traffic is limited


@dataclass(frozen=True, slots=True)
class Installed:
    """A key that was installed, or would be."""

    key: KeyShown
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """Where there was a key that was removed, or would be."""

    places: tuple[Place, ...]
    dry_run: bool


class Installation(Strict):
    """How a key is installed."""

    file: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="What the file was called.")
    ] = "uploaded.key"
    dry_run: Annotated[bool, Field(description=DRY_RUN)] = False


def license_routes(gateway: Gateway, door: Door, now: Callable[[], datetime]) -> APIRouter:
    """`/license`."""
    router = APIRouter(tags=["license"], route_class=AuditedRoute)
    see = [Depends(door.open_to(Role.VIEWER))]
    administer = [Depends(door.open_to(Role.ADMINISTRATOR, written_down=True))]
    licensing, settings = gateway.licensing, gateway.settings

    @router.get("/license", operation_id="get_license", dependencies=see)
    async def shown() -> KeysShown:
        """The keys at this site."""
        return await show_licences(licensing.keyring)

    @router.get("/license/usage", operation_id="get_license_usage", dependencies=see)
    async def usage() -> LicenceUsage:
        """How much of the licence is used: protected users, or the traffic of today."""
        used = await usage_of_licence(
            licensing.standing,
            gateway.records.usage,
            settings.network.protected_domains,
            now().astimezone(),
        )
        if used is None:
            return LicenceUsage("", None, None, None, ())
        usage = used.usage
        return LicenceUsage(str(usage.limit), usage.used, usage.left, usage.load, used.hours)

    @router.post(
        "/license/keys",
        operation_id="install_license_key",
        dependencies=administer,
        openapi_extra=PLAIN,
        responses=told(409, 413, 415),
    )
    async def install(request: Request, how: Annotated[Installation, Query()]) -> Installed:
        """Install a key: the body is the key file. A second one becomes the backup, which takes over."""
        content = await body_of(request, MOST_BYTES, "text/plain")
        try:
            key = await install_licence(licensing.keyring, content, how.file, dry_run=how.dry_run)
        except KeyRefused as refused:
            raise HTTPException(HTTPStatus.CONFLICT, str(refused)) from refused
        if not how.dry_run:
            await licensing.look()
        return Installed(key, how.dry_run)

    @router.delete(
        "/license/keys/{place}",
        operation_id="remove_license_key",
        dependencies=administer,
        responses=told(404),
    )
    async def remove(place: Place, *, dry_run: DryRun = False) -> Removed:
        """Remove the backup key, or the active one and the backup with it."""
        places = {Place.ACTIVE: (Place.ACTIVE, Place.BACKUP), Place.BACKUP: (Place.BACKUP,)}.get(place, ())
        removed = await remove_licences(licensing.keyring, *places, dry_run=dry_run) if places else ()
        if not removed:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no {place} key")
        if not dry_run:
            await licensing.look()
        return Removed(removed, dry_run)

    return router
