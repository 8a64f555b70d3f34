"""How many notices each address was sent lately, counted together by all processes."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select

from gateway.records.attempts import Attempts
from gateway.records.database import Database
from gateway.records.rows import storable
from gateway.records.schema import micros, notices

HOUR = timedelta(hours=1)


class SqlNotices:
    """Counts notices in a database. What is away for a while is a `TemporaryFailure`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attempts = Attempts(database)

    async def permit(self, address: str, notice_id: str, now: datetime, most: int) -> bool:
        """Whether this notice is among the `most` of an hour; asked again of one that was, it still is."""
        who = storable(address.lower())
        an_hour_ago = micros(now - HOUR)

        def ask(connection: Connection) -> bool:
            connection.execute(delete(notices).where(notices.c.at <= an_hour_ago))
            known = notices.c.address == who, notices.c.id == notice_id
            if connection.execute(select(notices.c.at).where(*known)).first():
                return True
            count = select(func.count()).where(notices.c.address == who)
            if connection.execute(count).scalar_one() >= most:
                return False
            told = self._database.dialect.insert(notices).values(address=who, id=notice_id, at=micros(now))
            connection.execute(told.on_conflict_do_nothing())
            return True

        return await self._attempts.do(lambda: self._database.write(ask))
