"""The licence keys of the site in the records: all processes of a cluster see the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import TemporaryFailure
from gateway.domain.licence import Place
from gateway.records.attempts import AnyRow, Attempts
from gateway.records.database import Database
from gateway.records.schema import licence_clock, licence_keys, licence_revocations

TRIES = 5
"""How often a change is decided anew because somebody else changed the keys meanwhile."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key file, and what it is at this site."""

    serial: str
    file: str  # what it was called
    content: str
    place: Place
    activated: date | None


class LicenceRecords:
    """Remembers keys, removed ones too. What is away for a while is a `TemporaryFailure`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attempts = Attempts(database)
        self._all = select(licence_keys).order_by(licence_keys.c.serial)
        told = database.dialect.insert(licence_keys)
        self._keep = told.on_conflict_do_update(
            index_elements=["serial"],
            set_={name: told.excluded[name] for name in ("file", "content", "place", "activated")},
        )
        listed = database.dialect.insert(licence_revocations)
        self._keep_list = listed.on_conflict_do_update(
            index_elements=["signer"],
            set_={name: listed.excluded[name] for name in ("number", "content")},
            where=licence_revocations.c.number < listed.excluded.number,
        )
        self._lists = select(licence_revocations.c.content).order_by(licence_revocations.c.signer)
        seen = database.dialect.insert(licence_clock).values(id=1, newest=bindparam("day"))
        self._see = seen.on_conflict_do_update(
            index_elements=["id"],
            set_={"newest": seen.excluded.newest},
            where=licence_clock.c.newest < seen.excluded.newest,
        )
        self._newest = select(licence_clock.c.newest)

    async def keys(self) -> Sequence[StoredKey]:
        """All keys that were ever installed."""
        return [_stored(row) for row in await self._attempts.read(self._all)]

    async def change(
        self, decide: Callable[[Sequence[StoredKey]], Iterable[StoredKey]]
    ) -> Sequence[StoredKey]:
        """Store what `decide` makes of all keys, all or nothing; the keys as they are then.

        Nobody else changes keys between its look at them and the end. It may be asked more than once, and
        what it raises leaves everything as it was. Whoever had the place of a key that is given one has it
        no more.
        """

        def change(connection: Connection) -> Sequence[StoredKey]:
            keys = [_stored(row) for row in connection.execute(self._all.with_for_update())]
            changed = _with_places_cleared(keys, tuple(decide(keys)))
            for key in changed:
                connection.execute(self._keep, _row(key))
            return tuple(({key.serial: key for key in keys} | {key.serial: key for key in changed}).values())

        for _ in range(TRIES):
            try:
                return await self._attempts.do(lambda: self._database.write(change))
            except IntegrityError:
                continue  # somebody installed the first key of a place meanwhile: now it is seen
        raise TemporaryFailure("records: others keep changing the licence keys")

    async def revocations(self) -> Sequence[str]:
        """The newest list of revoked keys of each signer."""
        return [row.content for row in await self._attempts.read(self._lists)]

    async def keep_revocations(self, signer: str, number: int, content: str) -> None:
        """Remember a list, unless there is one of that signer with the same or a higher number."""
        given = {"signer": signer, "number": number, "content": content}
        await self._attempts.change((self._keep_list, given))

    async def newest_day(self, today: date) -> date:
        """The newest day that was ever given here: a clock that is set back changes nothing."""
        rows = await self._attempts.read(self._newest)
        newest = max((date.fromisoformat(row.newest) for row in rows), default=date.min)
        if newest < today:
            await self._attempts.change((self._see, {"day": today.isoformat()}))
        return max(newest, today)


def _with_places_cleared(keys: Sequence[StoredKey], changed: Sequence[StoredKey]) -> Sequence[StoredKey]:
    """The changes, and the removal of keys from places that others are given; places are left first."""
    serials = {key.serial for key in changed}
    taken = {key.place for key in changed} - {Place.REMOVED}
    cleared = (
        replace(key, place=Place.REMOVED) for key in keys if key.place in taken and key.serial not in serials
    )
    return sorted((*cleared, *changed), key=lambda key: _ORDER.index(key.place))


_ORDER = (Place.REMOVED, Place.ACTIVE, Place.BACKUP)


def _stored(row: AnyRow) -> StoredKey:
    activated = date.fromisoformat(row.activated) if row.activated else None
    return StoredKey(row.serial, row.file, row.content, Place(row.place), activated)


def _row(key: StoredKey) -> dict[str, str | None]:
    return {
        "serial": key.serial,
        "file": key.file,
        "content": key.content,
        "place": key.place,
        "activated": key.activated.isoformat() if key.activated else None,
    }
