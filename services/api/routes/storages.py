"""Archives and quarantines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import StreamingResponse

from gateway.domain.storage import StorageEntry
from gateway.operations import storages as operations
from gateway.operations.inspecting import Inspection, inspect
from gateway.operations.storages import StorageShown
from gateway.runtime.wiring import Gateway
from gateway.storages.place import MissingFile
from services.api.access import Door
from services.api.answers import Effect, Entry, EntryPage, entry_of
from services.api.auditing import AuditedRoute
from services.api.problems import told
from services.api.queries import (
    DryRun,
    MailId,
    OrderForEntries,
    PageOfEntries,
    ReleaseOfEntries,
    StorageId,
)
from services.api.tokens import Role


@dataclass(frozen=True, slots=True)
class EntryDetails:
    """An entry, and what its message is made of."""

    entry: Entry
    message: Inspection


def storage_routes(gateway: Gateway, door: Door, now: Callable[[], datetime]) -> APIRouter:
    """`/storages`."""
    router = APIRouter(tags=["storages"], route_class=AuditedRoute)
    see = [Depends(door.open_to(Role.VIEWER))]
    act = [Depends(door.open_to(Role.OPERATOR, written_down=True))]
    shelves = _Shelves(gateway)
    storages, entries = gateway.storages, gateway.storages.entries

    @router.get("/storages", operation_id="list_storages", dependencies=see)
    async def all_storages() -> Sequence[StorageShown]:
        """All archives and quarantines, and how much they hold."""
        return await operations.show_storages(gateway.settings, entries)

    @router.get(
        "/storages/{storage_id}/entries",
        operation_id="list_entries",
        dependencies=see,
        responses=told(400, 404),
    )
    async def listing(storage_id: StorageId, asked: Annotated[PageOfEntries, Query()]) -> EntryPage:
        """A page of what a storage holds, oldest first unless told otherwise."""
        path = await shelves.path(storage_id)
        try:
            page = await operations.list_storage(
                entries,
                path,
                asked.wanted(),
                cursor=asked.cursor,
                most=asked.limit,
                newest_first=asked.newest_first,
            )
        except ValueError as problem:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(problem)) from problem
        return EntryPage([entry_of(entry) for entry in page.entries], page.next)

    @router.get(
        "/storages/{storage_id}/entries/{mail_id}",
        operation_id="get_entry",
        dependencies=see,
        responses=told(404),
    )
    async def details(storage_id: StorageId, mail_id: MailId) -> EntryDetails:
        """One entry, with the fields of its message and its parts, without their content."""
        entry = await shelves.entry(storage_id, mail_id)
        try:
            return EntryDetails(entry_of(entry), await inspect(storages.message(entry)))
        except MissingFile as missing:
            raise _gone() from missing

    @router.get(
        "/storages/{storage_id}/entries/{mail_id}/message",
        operation_id="download_entry",
        dependencies=act,
        response_class=MessageResponse,
        responses={200: {"description": "The message, byte for byte."}, **told(404)},
    )
    async def download(storage_id: StorageId, mail_id: MailId) -> MessageResponse:
        """The message of an entry. It may hold what would harm who opens it."""
        entry = await shelves.entry(storage_id, mail_id)
        pieces = storages.message(entry)
        try:
            first = await anext(pieces, b"")
        except MissingFile as missing:
            raise _gone() from missing
        return MessageResponse(_all(first, pieces), headers=_as_file(entry))

    @router.post(
        "/storages/{storage_id}/release",
        operation_id="release_entries",
        dependencies=act,
        responses=told(400, 404),
    )
    async def release(storage_id: StorageId, meant: Annotated[ReleaseOfEntries, Query()]) -> Effect:
        """Have entries sent to their recipients, soon, also if that takes a while."""
        path, ids = await shelves.path(storage_id), _ids(meant)
        if meant.dry_run:
            return Effect(await operations.would_send(entries, path, ids, again=meant.again), dry_run=True)
        count = await operations.send(entries, path, ids, checked=meant.checked, again=meant.again, now=now())
        return Effect(count, dry_run=False)

    @router.delete(
        "/storages/{storage_id}/entries",
        operation_id="remove_entries",
        dependencies=act,
        responses=told(400, 404),
    )
    async def remove(storage_id: StorageId, meant: Annotated[OrderForEntries, Query()]) -> Effect:
        """Remove entries for good. Those stay whose release is ordered and not carried out yet."""
        path, ids = await shelves.path(storage_id), _ids(meant)
        if meant.dry_run:
            return Effect(await operations.would_remove(entries, path, ids), dry_run=True)
        return Effect(await operations.remove(storages, path, ids), dry_run=False)

    @router.delete(
        "/storages/{storage_id}/entries/{mail_id}",
        operation_id="remove_entry",
        dependencies=act,
        responses=told(404, 409),
    )
    async def remove_one(storage_id: StorageId, mail_id: MailId, *, dry_run: DryRun = False) -> Effect:
        """Remove one entry for good."""
        entry = await shelves.entry(storage_id, mail_id)
        count = (
            await operations.would_remove(entries, entry.storage, [entry.id])
            if dry_run
            else await operations.remove(storages, entry.storage, [entry.id])
        )
        if not count:
            raise HTTPException(HTTPStatus.CONFLICT, "it is about to be sent: remove it afterwards")
        return Effect(count, dry_run)

    return router


class MessageResponse(StreamingResponse):
    """A message as a file to be saved, which no browser shows."""

    media_type = "message/rfc822"


class _Shelves:
    """Finds storages and entries, or says that they are not there."""

    def __init__(self, gateway: Gateway) -> None:
        self._settings = gateway.settings
        self._entries = gateway.storages.entries

    async def path(self, storage_id: str) -> str:
        path = await operations.path_of(self._settings, self._entries, storage_id)
        if path is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no storage of this id")
        return path

    async def entry(self, storage_id: str, mail_id: str) -> StorageEntry:
        entry = await self._entries.find(await self.path(storage_id), mail_id)
        if entry is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no entry of this id is there")
        return entry


def _ids(meant: OrderForEntries) -> Sequence[str] | None:
    """The entries that are meant; None: all. To mean all, one has to say so."""
    if bool(meant.id) == meant.everything:
        raise HTTPException(
            HTTPStatus.BAD_REQUEST, "give either id, once or several times, or everything=true"
        )
    return meant.id or None


def _gone() -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, "its file was removed by hand")


def _as_file(entry: StorageEntry) -> dict[str, str]:
    """Ids are letters and digits of our own; what a sender wrote never becomes the name of a file."""
    return {"Content-Disposition": f'attachment; filename="{entry.id}.eml"'}


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
