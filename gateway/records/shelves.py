"""Entries of storages in an SQL database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Update,
    and_,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from gateway.domain.address import matches
from gateway.domain.mail import Mail
from gateway.domain.storage import StorageEntry, StoredStatus
from gateway.records.attempts import AnyRow, Attempts
from gateway.records.database import Database
from gateway.records.entries import EntryFilter, EntryPlace, Holdings, Released
from gateway.records.rows import as_json, storable
from gateway.records.schema import entries, is_kept, is_ordered, micros, moment

PAGE = 500
"""Entries that are read at once."""

CHANGED_AT_ONCE = 1000
"""Entries that are changed in one transaction."""

_mails = msgspec.json.Decoder(Mail)

_ENTRY = tuple(
    entries.c[name]
    for name in (
        *("storage", "mail", "status", "size", "preface", "stored_at"),
        *("release", "released_at", "ordered_at", "failure"),
    )
)
_ORDER = (entries.c.stored_at, entries.c.id)
_NOT_ORDERED = entries.c.ordered_at.is_(None)


class SqlEntries:
    """The port over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attempts = Attempts(database)
        self._given_ids = entries.c.id.in_(database.dialect.members("ids"))

    async def find(self, storage: str, entry_id: str) -> StorageEntry | None:
        """One entry."""
        one = select(*_ENTRY).where(entries.c.storage == storage, entries.c.id == entry_id, is_kept)
        rows = await self._attempts.read(one)
        return _entry_of(rows[0]) if rows else None

    async def walk(
        self,
        storage: str,
        wanted: EntryFilter,
        after: EntryPlace | None = None,
        *,
        newest_first: bool = False,
    ) -> AsyncIterator[StorageEntry]:
        """The wanted entries, read page by page."""
        while True:
            page = [
                _entry_of(row)
                for row in await self._attempts.read(_page(storage, wanted, after, newest_first=newest_first))
            ]
            for entry in page:
                if _is_wanted(entry, wanted):
                    yield entry
            if len(page) < PAGE:
                return
            after = EntryPlace(page[-1].stored_at, page[-1].id)

    async def holdings(self, storage: str) -> Holdings:
        """How much lies there."""
        count, size = (
            await self._attempts.read(
                select(func.count(), func.coalesce(func.sum(entries.c.size), 0)).where(
                    entries.c.storage == storage, is_kept
                )
            )
        )[0]
        return Holdings(count, int(size))

    async def storages(self) -> Sequence[str]:
        """The paths of all storages that hold anything, each found by a look at the index."""
        found: list[str] = []
        while True:
            behind = select(func.min(entries.c.storage)).where(
                entries.c.storage > (found[-1] if found else ""), is_kept
            )
            [(storage,)] = await self._attempts.read(behind)
            if storage is None:
                return found
            found.append(storage)

    async def order(
        self, storage: str, ids: Sequence[str] | None, *, checked: bool, again: bool, at: datetime
    ) -> int:
        """Have entries released."""
        conditions = [_NOT_ORDERED] if again else [_NOT_ORDERED, entries.c.released_at.is_(None)]
        ordered = {"ordered_at": micros(at), "checked": checked, "claimed_until": None, "failure": ""}
        return await self._change(storage, ids, conditions, ordered)

    async def claim(self, now: datetime, until: datetime, most: int) -> Sequence[Released]:
        """Some of the ordered releases."""
        free = and_(
            is_ordered, or_(entries.c.claimed_until.is_(None), entries.c.claimed_until <= micros(now))
        )
        place = tuple_(entries.c.storage, entries.c.id)
        next_ones = (
            select(entries.c.storage, entries.c.id)
            .where(free, is_kept)
            .order_by(entries.c.ordered_at)
            .limit(most)
        )
        if not await self._attempts.read(next_ones.limit(1)):
            return ()  # nearly always: nobody who writes has to wait for this

        claimed = (
            update(entries)
            # Asked again of each row: another process may have been quicker.
            .where(place.in_(next_ones), free)
            .values(claimed_until=micros(until))
            .returning(*_ENTRY, entries.c.checked)
        )

        def claim(connection: Connection) -> Sequence[AnyRow]:
            return connection.execute(claimed).all()

        rows = await self._attempts.do(lambda: self._database.write(claim))
        return [Released(_entry_of(row), row.checked) for row in rows]

    async def hold(self, until: datetime, longer: datetime) -> None:
        """Claims that last until that time last longer. If others' do too, they have less of a hurry."""
        held = update(entries).where(is_ordered, entries.c.claimed_until == micros(until))
        await self._changed(held.values(claimed_until=micros(longer)))

    async def released(self, entry: StorageEntry, at: datetime) -> None:
        """The release is carried out."""
        await self._conclude(entry, {"release": entry.release + 1, "released_at": micros(at)})

    async def failed(self, entry: StorageEntry, reason: str) -> None:
        """The release is ordered no more."""
        await self._conclude(entry, {"failure": storable(reason)})

    async def remove(self, storage: str, ids: Sequence[str] | None) -> int:
        """Remove entries whose release is not ordered."""
        return await self._change(storage, ids, [_NOT_ORDERED], {"removed": True})

    async def remove_before(self, storage: str, before: datetime) -> int:
        """The same for all that was stored before that time."""
        conditions = [_NOT_ORDERED, entries.c.stored_at < micros(before)]
        return await self._change(storage, None, conditions, {"removed": True})

    async def removed(self, most: int) -> Sequence[StorageEntry]:
        """Some entries that were removed."""
        marked = select(*_ENTRY).where(entries.c.removed.is_(True)).limit(most)
        return [_entry_of(row) for row in await self._attempts.read(marked)]

    async def forget(self, gone: Sequence[StorageEntry]) -> None:
        """The files are gone."""
        await self._attempts.change(
            *(
                (
                    delete(entries).where(
                        entries.c.storage == storage, self._given_ids, entries.c.removed.is_(True)
                    ),
                    {"ids": as_json([entry.id for entry in gone if entry.storage == storage])},
                )
                for storage in sorted({entry.storage for entry in gone})
            )
        )

    async def _change(
        self,
        storage: str,
        ids: Sequence[str] | None,
        conditions: Sequence[ColumnElement[bool]],
        values: Mapping[str, object],
    ) -> int:
        """Change entries, page by page, so that nobody who writes waits long; how many."""
        those = (entries.c.storage == storage, is_kept, *conditions)
        change = update(entries).where(*those, self._given_ids).values(values)
        if ids is not None:
            return await self._changed(change, {"ids": as_json(ids)})

        changed = 0
        place: tuple[int, str] = (-1, "")
        while True:
            next_ones = (
                select(entries.c.stored_at, entries.c.id)
                .where(*those, tuple_(*_ORDER) > tuple_(*place))
                .order_by(*_ORDER)
                .limit(CHANGED_AT_ONCE)
            )
            rows = await self._attempts.read(next_ones)
            if rows:
                place = (rows[-1].stored_at, rows[-1].id)
                changed += await self._changed(change, {"ids": as_json([row.id for row in rows])})
            if len(rows) < CHANGED_AT_ONCE:
                return changed

    async def _conclude(self, entry: StorageEntry, outcome: Mapping[str, object]) -> None:
        await self._changed(
            update(entries)
            .where(
                entries.c.storage == entry.storage,
                entries.c.id == entry.id,
                entries.c.release == entry.release,  # told twice, it happened once
            )
            .values(ordered_at=None, claimed_until=None, **outcome)
        )

    async def _changed(self, change: Update, given: Mapping[str, object] | None = None) -> int:
        def rows_changed(connection: Connection) -> int:
            return connection.execute(change, given).rowcount

        return await self._attempts.do(lambda: self._database.write(rows_changed))


def _page(storage: str, wanted: EntryFilter, after: EntryPlace | None, *, newest_first: bool) -> Select[Any]:
    """The next rows behind `after` among which all that are wanted are: masks are confirmed by the caller."""
    conditions = [entries.c.storage == storage, is_kept]
    if after:
        place = tuple_(micros(after.stored_at), after.id)
        conditions.append(tuple_(*_ORDER) < place if newest_first else tuple_(*_ORDER) > tuple_(*place))
    if wanted.statuses:
        conditions.append(entries.c.status.in_(wanted.statuses))
    if wanted.since:
        conditions.append(entries.c.stored_at >= micros(wanted.since))
    if wanted.before:
        conditions.append(entries.c.stored_at < micros(wanted.before))
    if wanted.sender:
        conditions.append(entries.c.sender.ilike(_loosely(wanted.sender), escape="\\"))
    if wanted.recipient:
        in_the_list = f'%"{_loosely(as_json(wanted.recipient)[1:-1])}"%'
        conditions.append(entries.c.recipients.ilike(in_the_list, escape="\\"))
    return (
        select(*_ENTRY)
        .where(*conditions)
        .order_by(*(column.desc() if newest_first else column for column in _ORDER))
        .limit(PAGE)
    )


def _loosely(mask: str) -> str:
    """A pattern of LIKE that matches all that `mask` names, and perhaps more.

    Databases differ in which letters beyond ASCII are the same in lower case.
    """
    return "".join(_LIKE.get(char, char) if char.isascii() else "%" for char in mask)


_LIKE = {"*": "%", "?": "%", "%": "\\%", "_": "\\_", "\\": "\\\\"}


def _is_wanted(entry: StorageEntry, wanted: EntryFilter) -> bool:
    envelope = entry.mail.envelope
    return (not wanted.sender or matches(wanted.sender, envelope.sender)) and (
        not wanted.recipient or any(matches(wanted.recipient, to.address) for to in envelope.recipients)
    )


def _entry_of(row: AnyRow) -> StorageEntry:
    """An entry, of a row that begins with the columns of `_ENTRY`."""
    storage, mail, status, size, preface, stored_at, release, released_at, ordered_at, failure, *_ = row
    return StorageEntry(
        storage=storage,
        mail=_mails.decode(mail),
        status=StoredStatus(status),
        size=size,
        preface=preface,
        stored_at=moment(stored_at),
        release=release,
        released_at=None if released_at is None else moment(released_at),
        ordered_at=None if ordered_at is None else moment(ordered_at),
        failure=failure,
    )
