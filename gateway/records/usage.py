"""How much the gateway is used, as licences limit it: whose mail it takes, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, select

from gateway.domain.statistics import Counter
from gateway.records.attempts import Attempts
from gateway.records.counting import HOUR
from gateway.records.database import Database
from gateway.records.schema import counts, mails, micros

HOURS = 24


class SqlUsage:
    """Adds up what was recorded. What is away for a while is a `TemporaryFailure`."""

    def __init__(self, database: Database) -> None:
        self._attempts = Attempts(database)
        to = database.dialect.elements(mails.c.recipients)
        self._recipients = (
            select(func.lower(to.c.value).label("address"))
            .select_from(mails.join(to, onclause=mails.c.recipients.is_not(None)))
            .where(mails.c.received_at >= bindparam("since"))
            .distinct()
        )
        self._hours = (
            select(counts.c.hour, func.sum(counts.c.value).label("value"))
            .where(
                counts.c.counter == Counter.RECEIVED_BYTES,
                counts.c.hour >= bindparam("since"),
                counts.c.hour < bindparam("before"),
            )
            .group_by(counts.c.hour)
        )

    async def recipients(self, since: datetime) -> frozenset[str]:
        """The addresses that mail was for since then, in lower case."""
        rows = await self._attempts.read(self._recipients, {"since": micros(since)})
        return frozenset(row.address for row in rows)

    async def received_bytes(self, midnight: datetime) -> Sequence[int]:
        """The bytes of mail that came in each of the 24 hours from `midnight` on."""
        first = int(midnight.timestamp())
        given = {"since": first, "before": first + HOURS * HOUR}
        found = {row.hour: int(row.value) for row in await self._attempts.read(self._hours, given)}
        return [found.get(first + hour * HOUR, 0) for hour in range(HOURS)]
