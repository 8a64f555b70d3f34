"""What an operator can do with archives and quarantines: look, remove, and send to who was to get it.

A storage is named by its path. What is sent is ordered here and carried out by the gateway
(`gateway/runtime/releasing.py`), also when it runs only later.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from gateway.config.settings import Settings
from gateway.domain.policy import ObjectStatus, SpamStatus
from gateway.domain.storage import Storage, StorageEntry, StorageKind, quarantine_of
from gateway.operations import cursors
from gateway.records.entries import Entries, EntryFilter, EntryPlace, Holdings
from gateway.storages.storages import Storages

LARGEST_PAGE = 500

EVERYTHING = EntryFilter()


@dataclass(frozen=True, slots=True)
class StoragePage:
    """Some entries of a storage, in the order that was asked for."""

    entries: Sequence[StorageEntry]
    next: str | None  # the cursor of the next page; None when this one is the last


@dataclass(frozen=True, slots=True)
class StorageShown:
    """A storage, and what it holds."""

    id: str
    kinds: tuple[StorageKind, ...]  # none: the configuration does not name it any more
    path: str
    holds: Holdings


def id_of(path: str) -> str:
    """What a storage is known by where its path would not do, as in an address of the API."""
    return blake2b(path.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()


async def show_storages(settings: Settings, entries: Entries) -> Sequence[StorageShown]:
    """All storages that the configuration names, and those that still hold something."""
    kinds: dict[str, list[StorageKind]] = {storage.path: [] for storage in storages_of(settings)}
    for storage in storages_of(settings):
        kinds[storage.path].append(storage.kind)
    kinds |= {path: [] for path in await entries.storages() if path not in kinds}
    return [
        StorageShown(id_of(path), tuple(of), path, await entries.holdings(path)) for path, of in kinds.items()
    ]


async def path_of(settings: Settings, entries: Entries, storage_id: str) -> str | None:
    """The path of a storage, by the id that `show_storages` tells."""
    paths = (*(storage.path for storage in storages_of(settings)), *await entries.storages())
    return next((path for path in paths if id_of(path) == storage_id), None)


def storages_of(settings: Settings) -> tuple[Storage, ...]:
    """All storages that the configuration names, each once."""
    quarantines = (
        quarantine_of(policy, status)
        for policy in settings.policies.values()
        for status in (ObjectStatus.INFECTED, SpamStatus.SPAM)
    )
    named = (settings.incoming_archive, settings.outgoing_archive, *quarantines)
    return tuple(dict.fromkeys(storage for storage in named if storage.path))


async def list_storage(
    entries: Entries,
    storage: str,
    wanted: EntryFilter = EVERYTHING,
    *,
    cursor: str = "",
    most: int = 100,
    newest_first: bool = False,
) -> StoragePage:
    """At most `most` entries that are wanted, behind `cursor` if one is given.

    What comes or goes meanwhile moves no other to another page. `ValueError` when the cursor is none of ours.
    """
    after = EntryPlace(*cursors.read(cursor)) if cursor else None
    most = min(most, LARGEST_PAGE)
    page: list[StorageEntry] = []
    async for entry in entries.walk(storage, wanted, after, newest_first=newest_first):
        if len(page) == most:
            return StoragePage(page, cursors.write(page[-1].stored_at, page[-1].id))
        page.append(entry)
    return StoragePage(page, None)


async def remove(storages: Storages, storage: str, ids: Sequence[str] | None) -> int:
    """Remove entries with their files, all of the storage if none are named; how many.

    Those stay whose release is ordered and not yet carried out.
    """
    removed = await storages.entries.remove(storage, ids)
    await storages.clear()
    return removed


async def would_remove(entries: Entries, storage: str, ids: Sequence[str] | None) -> int:
    """How many entries `remove` would remove now."""
    return sum([entry.ordered_at is None async for entry in _those(entries, storage, ids)])


async def would_send(
    entries: Entries, storage: str, ids: Sequence[str] | None, *, again: bool = False
) -> int:
    """How many entries `send` would order now."""
    return sum(
        [
            entry.ordered_at is None and (again or entry.released_at is None)
            async for entry in _those(entries, storage, ids)
        ]
    )


async def _those(entries: Entries, storage: str, ids: Sequence[str] | None) -> AsyncIterator[StorageEntry]:
    if ids is None:
        async for entry in entries.walk(storage, EVERYTHING):
            yield entry
        return
    for entry_id in dict.fromkeys(ids):
        found = await entries.find(storage, entry_id)
        if found is not None:
            yield found


async def send(
    entries: Entries,
    storage: str,
    ids: Sequence[str] | None,
    *,
    checked: bool,
    again: bool = False,
    now: datetime,
) -> int:
    """Order that entries are sent to their recipients, all of the storage if none are named; how many.

    `checked`: scanned and filtered again first. What was sent before, or is about to be, is left out; `again`
    sends once more what was sent before.
    """
    return await entries.order(storage, ids, checked=checked, again=again, at=now)
