"""Removes bodies that nobody needs, and forgets mail that ended long ago.

A record can lag or be lost, so a body goes early only on positive evidence: all mails that are known to
need it have ended, and a margin ago. What no record knows at all goes when it is older than any mail in
the queue can be. Sweeping twice, and in several processes at once, is harmless.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.blobs.port import Blobs
from gateway.domain.errors import TemporaryFailure
from gateway.records.port import Records
from gateway.runtime.clock import utc_now
from gateway.runtime.lifecycle import Lifecycle

log = logging.getLogger(__name__)

MARGIN = timedelta(hours=1)
"""Records lag by a second or so; a mail that was taken twice may come to its second end a while later."""

ORPHAN_AGE = timedelta(days=30)
"""No mail is queued for longer than 14 days (`MaximalQueueLifetime`)."""

EVERY = timedelta(minutes=10)

PAGE = 100
"""Bodies that are removed at once."""

Broom = Callable[[datetime], Awaitable[object]]
"""Removes what nobody needs at that time, and says what it was. Harmless however often, by however many."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What was removed: bodies, and records of mail."""

    bodies: int
    mails: int


async def sweep(
    records: Records,
    blobs: Blobs,
    now: datetime,
    history: timedelta,
    *,
    margin: timedelta = MARGIN,
    orphan_age: timedelta = ORPHAN_AGE,
) -> Swept:
    """Sweep once. `TemporaryFailure` when records or blobs are away: what was done by then stays done."""
    spent = await _remove_spent(records, blobs, now - margin)
    orphans = await _remove_orphans(records, blobs, now - orphan_age)
    # At last, and only when all went well: a record is the evidence by which a body goes early.
    purged = await records.purge(now - max(history, margin))
    return Swept(bodies=spent + orphans, mails=purged)


async def sweep_regularly(
    brooms: Mapping[str, Broom],
    lifecycle: Lifecycle,
    *,
    every: timedelta = EVERY,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Sweep with all `brooms`, by the names of what they sweep, again and again until the process stops."""
    while not lifecycle.stopping.is_set():
        for name, broom in brooms.items():
            try:
                swept = await broom(now())
            except TemporaryFailure as trouble:
                log.warning("sweeping %s is put off: %s", name, trouble)
            except Exception:  # a fault of ours here must not take the sender down with it
                log.exception("sweeping %s failed, and is tried again", name)
            else:
                log.debug("swept %s: %s", name, swept)
        await lifecycle.pause(every.total_seconds())


async def _remove_spent(records: Records, blobs: Blobs, before: datetime) -> int:
    removed = 0
    while names := await records.spent_bodies(before, PAGE):
        await _remove(blobs, names)
        await records.forget_bodies(names)
        removed += len(names)
    return removed


async def _remove_orphans(records: Records, blobs: Blobs, before: datetime) -> int:
    removed = 0
    page: list[str] = []
    async for name in blobs.names(older_than=before):
        page.append(name)
        if len(page) == PAGE:
            removed += await _remove_unknown(records, blobs, page)
            page.clear()
    return removed + await _remove_unknown(records, blobs, page)


async def _remove_unknown(records: Records, blobs: Blobs, names: Sequence[str]) -> int:
    known = await records.known_bodies(names)
    unknown = [name for name in names if name not in known]
    await _remove(blobs, unknown)
    return len(unknown)


async def _remove(blobs: Blobs, names: Sequence[str]) -> None:
    await asyncio.gather(*(blobs.remove(name) for name in names))
