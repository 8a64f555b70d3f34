"""Archives and quarantines for a command that is a process of its own, whether a gateway runs or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cli.operators import Code, Trouble
from gateway.config.settings import Settings
from gateway.domain.storage import StorageEntry
from gateway.operations.storages import storages_of
from gateway.records.sql import SqlRecords
from gateway.runtime.logs import one_line
from gateway.runtime.wiring import open_blobs, open_records
from gateway.storages.storages import Storages


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[SqlRecords, Storages]]:
    """The records, and the storages that they know."""
    records = await open_records(settings)
    try:
        blobs, place = await open_blobs(settings)
        try:
            yield records, Storages(place, blobs, records)
        finally:
            await place.close()
            await blobs.close()
    finally:
        await records.close()


async def known(storages: Storages, settings: Settings, path: str) -> str:
    """The path of a storage. Raises `Trouble` when there is none."""
    named = [storage.path for storage in storages_of(settings)]
    # One that the configuration does not name any more can still be used.
    if path not in named and path not in await storages.entries.storages():
        raise Trouble(
            Code.UNREADABLE,
            f"{path} is no archive or quarantine: the configuration names {', '.join(named)}",
        )
    return path


async def entry_of(storages: Storages, path: str, entry_id: str) -> StorageEntry:
    """One message. Raises `Trouble` when it is not there."""
    entry = await storages.entries.find(path, entry_id)
    if entry is None:
        raise Trouble(Code.NOT_PERFORMED, f"Message with QueueID {one_line(entry_id)} is not in {path}.")
    return entry
