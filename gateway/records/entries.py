"""What the gateway asks of its records about storages. Entries come there as events, like all else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.storage import StorageEntry, StoredStatus


@dataclass(frozen=True, slots=True)
class EntryPlace:
    """A place in the order of a storage: that of the entry with this time and id."""

    stored_at: datetime
    id: str  # tells entries apart that came at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries of a storage are wanted; all of them, unless something is said."""

    statuses: tuple[StoredStatus, ...] = ()
    sender: str = ""  # mask
    recipient: str = ""  # mask, for one of the recipients
    since: datetime | None = None  # stored then or later
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a storage holds."""

    entries: int
    size: int  # bytes of all messages


@dataclass(frozen=True, slots=True)
class Released:
    """An entry that is to be released, by whoever got this value."""

    entry: StorageEntry
    checked: bool  # scanned and filtered again first


class Entries(Protocol):
    """The entries of storages, each storage named by its path. What is away is a `TemporaryFailure`.

    An entry that was removed is not there any more for any of these, but for `removed` and `forget`.
    """

    async def find(self, storage: str, entry_id: str) -> StorageEntry | None:
        """One entry."""

    def walk(
        self,
        storage: str,
        wanted: EntryFilter,
        after: EntryPlace | None = None,
        *,
        newest_first: bool = False,
    ) -> AsyncIterator[StorageEntry]:
        """The wanted entries, oldest first unless told otherwise, read page by page.

        Only behind `after` if a place is given, at no cost for what lies before it.
        """

    async def holdings(self, storage: str) -> Holdings:
        """How much lies there."""

    async def storages(self) -> Sequence[str]:
        """The paths of all storages that hold anything."""

    async def order(
        self, storage: str, ids: Sequence[str] | None, *, checked: bool, again: bool, at: datetime
    ) -> int:
        """Have entries released, all of the storage if none are named; how many.

        Left out are those whose release is ordered already, and, unless `again`, those released before.
        """

    async def claim(self, now: datetime, until: datetime, most: int) -> Sequence[Released]:
        """Some of the ordered releases, for the caller alone until that time."""

    async def hold(self, until: datetime, longer: datetime) -> None:
        """Claims that last until that time last longer."""

    async def released(self, entry: StorageEntry, at: datetime) -> None:
        """The release that was claimed is carried out."""

    async def failed(self, entry: StorageEntry, reason: str) -> None:
        """The release that was claimed cannot be carried out at all: it is ordered no more."""

    async def remove(self, storage: str, ids: Sequence[str] | None) -> int:
        """Remove entries, all of the storage if none are named; how many.

        Those whose release is ordered stay. Files go afterwards, see `removed`.
        """

    async def remove_before(self, storage: str, before: datetime) -> int:
        """The same for all entries that were stored before that time."""

    async def removed(self, most: int) -> Sequence[StorageEntry]:
        """Some entries that were removed and whose files may still be there."""

    async def forget(self, gone: Sequence[StorageEntry]) -> None:
        """The files of these removed entries are gone."""
