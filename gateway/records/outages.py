"""What is out of order outside of the gateway, as its processes say, for whoever asks how it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, or_, select

from gateway.records.attempts import Attempts
from gateway.records.port import Outage
from gateway.records.schema import micros, moment, outages


class SqlOutages:
    """Outages in a database."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def tell(self, source: str, outages: Sequence[Outage], now: datetime, until: datetime) -> None:
        """All that the process `source` knows of, and until when it is true unless told anew."""
        rows = [
            {
                "subject": outage.subject,
                "source": source,
                "reason": outage.reason,
                "since": micros(outage.since),
                "until": micros(until),
            }
            for outage in outages
        ]
        changes = [(_FORGET, {"source": source, "now": micros(now)})]
        await self._attempts.change(*changes, *((_ADD, row) for row in rows))

    async def known(self, now: datetime) -> Sequence[Outage]:
        """One outage for each subject, that of the process which met it first."""
        first: dict[str, Outage] = {}
        for subject, reason, since in await self._attempts.read(_KNOWN, {"now": micros(now)}):
            first.setdefault(subject, Outage(subject, reason, moment(since)))
        return list(first.values())


_ADD = insert(outages)
_FORGET = delete(outages).where(
    or_(outages.c.source == bindparam("source"), outages.c.until < bindparam("now"))
)
_KNOWN = (
    select(outages.c.subject, outages.c.reason, outages.c.since)
    .where(outages.c.until >= bindparam("now"))
    .order_by(outages.c.subject, outages.c.since)
)
