"""What is out of order outside, as this process sees it: told to the log once, and to the records for all.

What is in the records is true for `TRUE_FOR` only, and is told anew while it lasts: so what a process said
that was killed is forgotten by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Self

from gateway.domain.errors import TemporaryFailure
from gateway.records.port import Outage, OutageRecords
from gateway.runtime.clock import utc_now

log = logging.getLogger(__name__)

TELL_EVERY = timedelta(minutes=1)
TRUE_FOR = timedelta(minutes=3)


class Outages:
    """Those that one process knows of. As a context: the records hear of them until it is left."""

    def __init__(self, records: OutageRecords, source: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self._records = records
        self._source = source  # tells the process from all others
        self._now = now
        self._known: dict[str, Outage] = {}
        self._changed = asyncio.Event()
        self._told_some = False
        self._telling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._telling = asyncio.create_task(self._tell_always(), name="outages")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait((self._telling,))
        self._known.clear()
        await self._tell()

    @property
    def known(self) -> tuple[Outage, ...]:
        """All of them, the oldest first."""
        return tuple(self._known.values())

    def begin(self, subject: str, reason: str) -> None:
        """`subject` is out of order, or is so for another reason."""
        known = self._known.get(subject)
        if known is not None and known.reason == reason:
            return
        log.warning("%s is out of order: %s", subject, reason)
        self._known[subject] = Outage(subject, reason, known.since if known else self._now())
        self._changed.set()

    def end(self, subject: str) -> None:
        """`subject` is in order."""
        if self._known.pop(subject, None):
            log.warning("%s is in order again", subject)
            self._changed.set()

    async def _tell_always(self) -> None:
        while True:
            await self._tell()
            with suppress(TimeoutError):
                async with asyncio.timeout(TELL_EVERY.total_seconds()):
                    await self._changed.wait()

    async def _tell(self) -> None:
        self._changed.clear()
        if not self._known and not self._told_some:
            return
        now = self._now()
        try:
            await self._records.tell(self._source, self.known, now, now + TRUE_FOR)
        except TemporaryFailure as trouble:
            log.debug("outages cannot be recorded now: %s", trouble)
        else:
            self._told_some = bool(self._known)
