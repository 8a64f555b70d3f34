"""Writing behind: what is noted waits in memory until it goes to the database together with more.

While the database is away, what waits is tried again, in order, and `ready` is False, so that no new mail
comes in. So it is long before what waits comes near its bound; what is noted beyond that is lost, and an
error in the log says so. Lost notes cost history, never mail.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Event
from gateway.records.rows import Numbered

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long events wait, in seconds, and how many of them."""

    write_every: float = 0.5
    write_at: int = 500  # so many do not wait, and go in one transaction
    apart: float = 0.04  # between two small transactions: under load, those who keep share one
    crowd: int = 16  # so many who keep do not wait for that
    not_ready_at: int = 20_000
    ready_again_at: int = 10_000
    most: int = 60_000
    keep_within: float = 10.0
    first_retry: float = 0.1
    longest_retry: float = 5.0
    close_within: float = 10.0


@dataclass(frozen=True, slots=True)
class _Note:
    """What one caller told, to be stored as a whole; `stored` if the caller waits for that."""

    events: tuple[Numbered, ...]
    stored: asyncio.Future[None] | None = None


class WriteBehind:
    """Hands batches to `store`, which stores one as a whole or raises `TemporaryFailure`."""

    def __init__(self, store: Callable[[Sequence[Numbered]], Awaitable[None]], pace: Pace) -> None:
        self._store = store
        self._pace = pace
        self._numbers = count()
        self._waiting: deque[_Note] = deque()
        self._keepers = 0  # callers who wait for a note in line
        self._size = 0  # events that are not stored, those of the batch under way included
        self._lost = 0
        self._ready = True
        self._failing = False
        self._closing = False
        self._some = asyncio.Event()  # anything is in line
        self._enough = asyncio.Event()  # a caller waits, or there is much
        self._crowded = asyncio.Event()  # many callers wait, or there is much
        self._writer = asyncio.create_task(self._write(), name="records writer")

    @property
    def ready(self) -> bool:
        """False while nothing can be stored, and from `not_ready_at` events on until `ready_again_at`."""
        return self._ready and not self._failing

    @property
    def failing(self) -> bool:
        """Whether the last attempt to store failed: the database knows less than was kept."""
        return self._failing

    def note(self, events: Sequence[Event]) -> None:
        """Have `events` written soon. Those of one call are stored together."""
        if self._add(_Note(self._numbered(events))):
            return
        if not self._lost:
            log.error("records are full: what happens to mail is not written down any more")
        self._lost += len(events)

    async def keep(self, events: Sequence[Event]) -> None:
        """Have `events` written now; `TemporaryFailure` after `keep_within` seconds.

        After that they stay in line and may yet be stored: keeping them again does no harm.
        """
        stored = asyncio.get_running_loop().create_future()
        if not self._add(_Note(self._numbered(events), stored)):
            raise TemporaryFailure("records are full")
        try:
            async with asyncio.timeout(self._pace.keep_within):
                await stored
        except TimeoutError:
            raise TemporaryFailure("records could not be written in time") from None

    async def close(self) -> None:
        """Write what waits, for at most `close_within` seconds."""
        self._closing = True
        self._signal()
        await asyncio.wait((self._writer,), timeout=self._pace.close_within)
        if self._size:
            log.error("records are closed: %d events could not be written", self._size)
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer

    def _numbered(self, events: Sequence[Event]) -> tuple[Numbered, ...]:
        return tuple(zip(self._numbers, events, strict=False))

    def _add(self, note: _Note) -> bool:
        if self._size + len(note.events) > self._pace.most:
            return False
        self._waiting.append(note)
        self._keepers += note.stored is not None
        self._size += len(note.events)
        if self._size >= self._pace.not_ready_at:
            self._ready = False
        self._signal()
        return True

    def _signal(self) -> None:
        much = self._closing or self._size >= self._pace.write_at
        for event, holds in (
            (self._some, self._closing or bool(self._waiting)),
            (self._enough, much or self._keepers > 0),
            (self._crowded, much or self._keepers >= self._pace.crowd),
        ):
            event.set() if holds else event.clear()

    async def _write(self) -> None:
        clock = asyncio.get_running_loop().time
        last_began = float("-inf")
        while self._waiting or not self._closing:
            await self._some.wait()
            await _happens(self._enough, within=self._pace.write_every)
            await _happens(self._crowded, within=last_began + self._pace.apart - clock())
            last_began = clock()
            await self._store_all(self._take())
            self._signal()

    def _take(self) -> list[_Note]:
        batch: list[_Note] = []
        size = 0
        while self._waiting and size < self._pace.write_at:
            note = self._waiting.popleft()
            batch.append(note)
            self._keepers -= note.stored is not None
            size += len(note.events)
        return batch

    async def _store_all(self, batch: Sequence[_Note]) -> None:
        """Store a batch, however long it takes, but for what no database would take."""
        if not batch:
            return
        try:
            await self._store_patiently([event for note in batch for event in note.events])
        except Exception as fault:  # a fault of our own in one note must not hold up all others
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._store_all(batch[:middle])
                await self._store_all(batch[middle:])
            else:
                log.exception("records cannot hold what was noted of mail, and leave it out")
                self._settle(batch[0], fault)
        else:
            for note in batch:
                self._settle(note)

    async def _store_patiently(self, events: Sequence[Numbered]) -> None:
        pause = self._pace.first_retry
        while True:
            try:
                await self._store(events)
            except TemporaryFailure as failure:
                if not self._failing:
                    log.warning("records cannot be written now, and will be later: %s", failure)
                self._failing = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._pace.longest_retry)
            else:
                break
        if self._failing:
            log.warning("records are written again")
        if self._lost:
            log.error("records were full: %d events were not written down", self._lost)
        self._failing = False
        self._lost = 0

    def _settle(self, note: _Note, fault: Exception | None = None) -> None:
        self._size -= len(note.events)
        if self._size <= self._pace.ready_again_at:
            self._ready = True
        if note.stored is None or note.stored.done():
            return
        if fault is None:
            note.stored.set_result(None)
        else:
            note.stored.set_exception(fault)


async def _happens(event: asyncio.Event, within: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()
