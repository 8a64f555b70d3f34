"""The databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import Field

from gateway.bases.updating import Change, Outcome, Result, UpdateFailed
from gateway.bases.usage import BasesStatus, status_of_bases
from gateway.operations import bases as operations
from gateway.operations.bases import NotCarriedOut, Wish
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.problems import told
from services.api.queries import DRY_RUN, DryRun, Strict
from services.api.tokens import Role

_CHANGES = frozenset({Outcome.UPDATED, Outcome.ROLLED_BACK})


@dataclass(frozen=True, slots=True)
class BasesResult:
    """What became of the databases, or would become of them."""

    dry_run: bool
    changed: bool  # any family is another version now, or would be
    changes: Sequence[Change]  # a value for each family
    troubles: Sequence[str]  # sources that did not do, and a `PostUpdateCmd` that failed


class UpdateOfBases(Strict):
    """How databases are updated."""

    again: Annotated[
        bool, Field(description="Versions that were refused, or gone back from, count as well.")
    ] = False
    dry_run: Annotated[bool, Field(description=DRY_RUN)] = False


def bases_routes(gateway: Gateway, door: Door) -> APIRouter:
    """`/bases`."""
    router = APIRouter(tags=["bases"], route_class=AuditedRoute)
    see = [Depends(door.open_to(Role.VIEWER))]
    administer = [Depends(door.open_to(Role.ADMINISTRATOR, written_down=True))]
    settings = gateway.settings

    def wish(*, again: bool = False) -> Wish:
        if gateway.config is None:
            raise HTTPException(HTTPStatus.CONFLICT, "the configuration comes from no file")
        return Wish(config=gateway.config, again=again)

    @router.get("/bases", operation_id="list_bases", dependencies=see)
    async def bases() -> Sequence[BasesStatus]:
        """The databases in use; nothing of a family whose databases are those that came with the gateway."""
        return await asyncio.to_thread(status_of_bases, settings.path.bases_path)

    @router.post("/bases/update", operation_id="update_bases", dependencies=administer, responses=told(409))
    async def update(how: Annotated[UpdateOfBases, Query()]) -> BasesResult:
        """Bring the databases up to date, as `keepup2date` does; the answer may take minutes."""
        licence = gateway.licensing.standing
        with _refusals():
            try:
                result = await operations.update(
                    settings, licence, wish(again=how.again), dry_run=how.dry_run
                )
            except NotCarriedOut as problem:
                return _result(problem.result, str(problem), dry_run=how.dry_run)
        return _result(result, dry_run=how.dry_run)

    @router.post(
        "/bases/roll-back", operation_id="roll_back_bases", dependencies=administer, responses=told(409)
    )
    async def roll_back(*, dry_run: DryRun = False) -> BasesResult:
        """Go back to the databases of before."""
        with _refusals():
            try:
                result = await operations.roll_back(settings, wish(), dry_run=dry_run)
            except NotCarriedOut as problem:
                return _result(problem.result, str(problem), dry_run=dry_run)
        return _result(result, dry_run=dry_run)

    return router


def _result(result: Result, *more: str, dry_run: bool) -> BasesResult:
    changed = any(change.outcome in _CHANGES for change in result.changes)
    return BasesResult(dry_run, changed, result.changes, (*result.troubles, *more))


@contextmanager
def _refusals() -> Iterator[None]:
    """The databases are what they were, and the operator hears why."""
    try:
        yield
    except UpdateFailed as failure:
        raise HTTPException(HTTPStatus.CONFLICT, str(failure)) from failure
