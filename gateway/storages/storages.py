"""Keeps copies of mail in storages: archives and quarantines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from gateway.blobs.leaving import message_chunks
from gateway.blobs.port import Blobs
from gateway.domain.journey import Event, Stored
from gateway.domain.mail import Mail
from gateway.domain.statistics import Counter
from gateway.domain.storage import Storage, StorageEntry, StoredStatus, preface_of
from gateway.records.entries import Entries
from gateway.runtime import maillog
from gateway.storages.place import Place

CLEARED_AT_ONCE = 100
"""Files that are removed at once."""


class StorageRecords(Protocol):
    """What is asked of the records here."""

    @property
    def entries(self) -> Entries:
        """What lies in the storages."""

    async def keep(self, *events: Event) -> None:
        """Write down now; returns when it is stored."""

    def count(self, counter: Counter, by: int = 1) -> None:
        """So many more."""


class Storages:
    """Where any part of the gateway has a copy of a mail kept, and where operators find it."""

    def __init__(self, place: Place, blobs: Blobs, records: StorageRecords) -> None:
        self._place = place
        self._blobs = blobs
        self._records = records

    async def prepare(self, storage: Storage) -> None:
        """See that mail can be kept in `storage`; `ConfigError` when it cannot."""
        if storage.path:
            await self._place.prepare(storage.path)

    async def keep(self, storage: Storage, mail: Mail, status: StoredStatus, *, at: datetime) -> None:
        """Return when `storage` has a copy of `mail` as it is now; at once when it is switched off.

        `TemporaryFailure` when it cannot be kept now. For the same mail and storage there is one copy however
        often it is kept: the last one.
        """
        if not storage.path:
            return
        preface = preface_of(mail, status)
        entry = StorageEntry(
            storage=storage.path,
            mail=_described(mail),
            status=status,
            size=mail.size,
            preface=len(preface),
            stored_at=at,
        )
        # The file first: whoever is told of a copy shall find it.
        await self._place.write(entry.name, self._content(preface, mail), len(preface) + mail.size)
        await self._records.keep(Stored(entry, at))
        maillog.stored(self._records.count, entry)

    @property
    def entries(self) -> Entries:
        """What lies in the storages, without its bytes."""
        return self._records.entries

    def message(self, entry: StorageEntry) -> AsyncIterator[bytes]:
        """The message of an entry, in large pieces. `MissingFile` when somebody removed it by hand."""
        return self._place.chunks(entry.name, entry.preface)

    async def clear(self) -> int:
        """Remove the files of entries that were removed, also of those that a dead process left; how many."""
        cleared = 0
        while gone := await self.entries.removed(CLEARED_AT_ONCE):
            await asyncio.gather(*(self._place.remove(entry.name) for entry in gone))
            await self.entries.forget(gone)
            cleared += len(gone)
        return cleared

    async def close(self) -> None:
        """Let go of the place of the files."""
        await self._place.close()

    async def _content(self, preface: bytes, mail: Mail) -> AsyncIterator[bytes]:
        yield preface
        async for chunk in message_chunks(mail, self._blobs):
            yield chunk


def _described(mail: Mail) -> Mail:
    """What is remembered of a mail whose bytes lie in a file as they were."""
    return replace(mail, top=b"", edits=(), body=replace(mail.body, carried=None))
