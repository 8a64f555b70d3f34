"""What administrators were told of the gateway itself: each thing once, by whichever process was first."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, update

from gateway.records.attempts import Attempts
from gateway.records.database import Database
from gateway.records.schema import announcements, micros

REMEMBERED = timedelta(days=800)
"""How long it is known that something was told: longer than anything is due again."""


class SqlAnnouncements:
    """Announcements in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attempts = Attempts(database)
        insert = database.dialect.insert(announcements).values(
            id=bindparam("id"), told=False, until=bindparam("until")
        )
        self._take = insert.on_conflict_do_update(
            index_elements=["id"],
            set_={"until": insert.excluded.until},
            where=announcements.c.told.is_(False) & (announcements.c.until <= bindparam("now")),
        ).returning(announcements.c.id)

    async def claim(self, announcement: str, now: datetime, until: datetime) -> bool:
        """Whether the caller is the one to tell it; nobody else is before `until`."""
        given = {"id": announcement, "now": micros(now), "until": micros(until)}

        def claim(connection: Connection) -> bool:
            connection.execute(delete(announcements).where(announcements.c.until <= micros(now - REMEMBERED)))
            return connection.execute(self._take, given).first() is not None

        return await self._attempts.do(lambda: self._database.write(claim))

    async def told(self, announcement: str) -> None:
        """It was told, and is not told again."""
        await self._attempts.change((_TOLD, {"announcement": announcement}))


_TOLD = update(announcements).where(announcements.c.id == bindparam("announcement")).values(told=True)
