"""The licence keys of the site in the records: all processes of a cluster see the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, select

from gateway.domain.licence import Place
from gateway.records.attempts import Attempts
from gateway.records.database import Database
from gateway.records.schema import licence_clock, licence_keys


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
        self._attempts = Attempts(database)
        self._all = select(licence_keys).order_by(licence_keys.c.serial)
        told = database.dialect.insert(licence_keys)
        self._keep = told.on_conflict_do_update(
            index_elements=["serial"],
            set_={name: told.excluded[name] for name in ("file", "content", "place", "activated")},
        )
        seen = database.dialect.insert(licence_clock).values(id=1, newest=bindparam("day"))
        self._see = seen.on_conflict_do_update(
            index_elements=["id"],
            set_={"newest": seen.excluded.newest},
            where=licence_clock.c.newest < seen.excluded.newest,
        )
        self._newest = select(licence_clock.c.newest)

    async def keys(self) -> Sequence[StoredKey]:
        """All keys that were ever installed."""
        rows = await self._attempts.read(self._all)
        return [
            StoredKey(
                row.serial,
                row.file,
                row.content,
                Place(row.place),
                date.fromisoformat(row.activated) if row.activated else None,
            )
            for row in rows
        ]

    async def keep(self, keys: Iterable[StoredKey]) -> None:
        """Store these keys as they are now, all or none."""
        await self._attempts.change(
            *(
                (
                    self._keep,
                    {
                        "serial": key.serial,
                        "file": key.file,
                        "content": key.content,
                        "place": key.place,
                        "activated": key.activated.isoformat() if key.activated else None,
                    },
                )
                for key in keys
            )
        )

    async def newest_day(self, today: date) -> date:
        """The newest day that was ever given here: a clock that is set back changes nothing."""
        rows = await self._attempts.read(self._newest)
        newest = max((date.fromisoformat(row.newest) for row in rows), default=date.min)
        if newest < today:
            await self._attempts.change((self._see, {"day": today.isoformat()}))
        return max(newest, today)
