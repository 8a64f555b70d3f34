"""How much of something there is now, as the processes of the gateway say, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, or_, select

from gateway.domain.statistics import Gauge
from gateway.records.attempts import Attempts
from gateway.records.schema import gauges, micros, of_launch


class SqlGauges:
    """Gauges in a database."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def tell(self, source: str, values: Mapping[Gauge, int], now: datetime, until: datetime) -> None:
        """All that the process `source` measures, and until when it is true unless told anew."""
        rows = [
            {"gauge": gauge, "source": source, "value": value, "until": micros(until)}
            for gauge, value in sorted(values.items())
        ]
        await self._attempts.change(
            (_FORGET, {"told_by": source, "now": micros(now)}), *((_ADD, row) for row in rows)
        )

    async def known(self, now: datetime, launch: str = "") -> Mapping[Gauge, int]:
        """What all processes, or those of a launch, have together, of each gauge that one of them tells."""
        asked = _KNOWN.where(of_launch(gauges.c.source, launch)) if launch else _KNOWN
        rows = await self._attempts.read(asked, {"now": micros(now)})
        return {Gauge(row.gauge): int(row.value) for row in rows if row.gauge in set(Gauge)}


_ADD = insert(gauges)
_FORGET = delete(gauges).where(
    or_(gauges.c.source == bindparam("told_by"), gauges.c.until < bindparam("now"))
)
_KNOWN = (
    select(gauges.c.gauge, func.sum(gauges.c.value).label("value"))
    .where(gauges.c.until >= bindparam("now"))
    .group_by(gauges.c.gauge)
)
