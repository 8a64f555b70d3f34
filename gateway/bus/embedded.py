"""A bus inside one process that survives its death: mail lies in one SQLite file.

All operations that are asked for while a commit is under way share the next one. Only a window of the
ready mail is in memory; what follows it, what waits and what is parked is on disk alone.
"""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from gateway.bus import ledger as disk
from gateway.bus import port, wire
from gateway.bus.asking import Answer, Answerers
from gateway.bus.door import Door, door_of
from gateway.bus.gathering import Gathering
from gateway.bus.hearing import Listeners
from gateway.bus.intake import MOST_TAKES, Intake
from gateway.bus.ledger import Batch, Ledger, Loaded, Written
from gateway.bus.taken import End, Taken
from gateway.bus.thread import WorkerThread
from gateway.domain.commands import Command
from gateway.domain.errors import TemporaryFailure
from gateway.domain.explanation import Explanation
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage

WINDOW = 512
"""So many ready mails of a lane are in memory at most, besides those that were given back."""

LAZY = 0.02
"""Seconds that a `done` may wait for others to share its commit. A crash in between repeats a step."""

RETRY = 0.5
"""Seconds until what could not be written is tried again."""

LONGEST_NAP = 1.0
"""Seconds until the clock is looked at again while mail waits: somebody may have set it."""

_PARKED_PAGE = 100

T = TypeVar("T")


class EmbeddedBus:
    """The port's promises for all services in one process."""

    def __init__(
        self, ledger: Ledger, thread: WorkerThread, depths: Sequence[int], now: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._thread = thread
        self._now = now
        self._lanes = [_Lane(disk.first_key(lane), depth) for lane, depth in enumerate(depths)]
        self._intakes: dict[Stage, set[Intake[Taken]]] = {stage: set() for stage in Stage}
        self._listeners = Listeners()
        self._answerers = Answerers()
        self._next = _Turn()
        self._gathering = Gathering()
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._soon: asyncio.TimerHandle | None = None
        self._next_due: float | None = None
        self._closed = False
        self._door: Door | None = None
        self._writing = asyncio.create_task(self._write_on(), name="embedded bus")

    @classmethod
    async def open(cls, path: Path, *, now: Callable[[], float] = time.time) -> EmbeddedBus:
        """The bus whose mail lies in the file at `path`, made when there is none.

        Raises `ConfigError` when that file cannot be used, or another process has it.
        """
        thread = WorkerThread("embedded-bus")
        try:
            ledger = await thread.do(partial(disk.open_ledger, path))
            depths = await thread.do(ledger.depths)
        except BaseException:
            thread.close()
            raise
        bus = cls(ledger, thread, depths, now)
        try:
            bus._door = await Door.open(bus, door_of(path))
        except BaseException:
            await bus.close()
            raise
        return bus

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        """See `Bus.publish`."""
        lane = disk.lane_of(stage, urgent=urgent)
        contents = [(lane, wire.encode(mail)) for mail in mails]
        if not contents:
            return
        turn = self._open_turn()
        turn.batch.ready += contents
        turn.mails += mails
        self._gathering.came(len(mails))
        await turn.written()

    async def defer(self, stage: Stage, mail: Mail, delay: timedelta) -> None:
        """See `Bus.defer`."""
        # One millisecond more than the delay may be, never less.
        due = int((self._now() + delay.total_seconds()) * 1000) + 1
        content = wire.encode(mail)
        turn = self._open_turn()
        turn.batch.waiting.append((due, disk.lane_of(stage, urgent=False), content))
        await turn.written()

    async def park(self, stage: Stage, mail: Mail, reason: str) -> None:
        """See `Bus.park`."""
        content = wire.encode(mail)
        turn = self._open_turn()
        turn.batch.parked.append((stage, wire.storable(reason), content))
        await turn.written()

    @asynccontextmanager
    async def consume(self, stage: Stage, prefetch: int) -> AsyncIterator[AsyncIterator[port.Delivery]]:
        """See `Bus.consume`."""

        def pop() -> Taken | None:
            loaded = self._pop(stage)
            return (
                None if loaded is None else Taken(loaded.mail, partial(self._on_end, stage, loaded, intake))
            )

        intake: Intake[Taken] = Intake(pop, prefetch)
        self._intakes[stage].add(intake)
        try:
            yield intake
        finally:
            self._intakes[stage].discard(intake)
            intake.leave()

    @asynccontextmanager
    async def parked(self) -> AsyncIterator[AsyncIterator[port.ParkedMail]]:
        """See `Bus.parked`."""
        yield self._walk_parked()

    async def depth(self) -> Mapping[Stage, int]:
        """See `Bus.depth`."""
        return {stage: sum(lane.depth for lane in self._lanes_of(stage)) for stage in Stage}

    async def takers(self) -> Mapping[Stage, int]:
        """See `Bus.takers`."""
        return {stage: len(intakes) for stage, intakes in self._intakes.items()}

    async def ask(self, stage: Stage, mail: Mail, within: float) -> Explanation:
        """See `Bus.ask`."""
        return await self._answerers.ask(stage, mail, within)

    @asynccontextmanager
    async def answering(self, stage: Stage, answer: Answer) -> AsyncIterator[None]:
        """See `Bus.answering`."""
        async with self._answerers.answering(stage, answer):
            yield

    async def tell(self, command: Command) -> None:
        """See `Bus.tell`."""
        self._listeners.tell(command)

    @asynccontextmanager
    async def commands(self) -> AsyncIterator[AsyncIterator[Command | None]]:
        """See `Bus.commands`."""
        with self._listeners.listen() as listener:
            yield listener

    async def close(self) -> None:
        """See `Bus.close`."""
        if self._closed:
            return
        if self._door is not None:
            await self._door.close()
        self._closed = True
        self._wanted.set()
        await asyncio.wait([self._writing])
        await self._thread.do(self._ledger.close)
        self._thread.close()

    async def retry(self, parked_id: int) -> None:
        """Put a parked mail back to its stage, unless that was done already."""
        turn = self._open_turn()
        turn.batch.retried.append(parked_id)
        await turn.written()

    async def drop(self, parked_id: int) -> None:
        """Remove a parked mail."""
        turn = self._open_turn()
        turn.batch.dropped.append(parked_id)
        await turn.written()

    def _on_end(self, stage: Stage, loaded: Loaded, intake: Intake[Taken], how: End) -> None:
        intake.ended()
        if how is End.DONE:
            self._next.batch.taken.pop(loaded.key, None)
            self._next.batch.gone.append(loaded.key)
            self._write_soon(LAZY)
        else:
            self._lanes[disk.lane_of_key(loaded.key)].give_back(loaded)
            self._wake(stage)

    def _open_turn(self) -> _Turn:
        if self._closed or self._writing.done():
            raise TemporaryFailure("the bus is closed")
        self._wanted.set()
        return self._next

    async def _write_on(self) -> None:
        turn = self._next
        last = False
        try:
            while not last:
                await self._until_wanted()
                await self._gathering.wait()
                last = self._closed
                turn, self._next = self._next, _Turn()
                write = partial(self._ledger.turn, turn.batch, self._missing(), int(self._now() * 1000))
                try:
                    written = await self._thread.do(write)
                except sqlite3.Error as error:
                    self._not_written(turn, error)
                else:
                    self._take_over(turn, written)
                self._gathering.served()
        finally:
            # However this ends, nobody waits for a turn that never comes.
            turn.end(TemporaryFailure("the bus has stopped"))
            self._next.end(TemporaryFailure("the bus has stopped"))

    async def _until_wanted(self) -> None:
        nap = None
        if self._next_due is not None:
            nap = min(max(self._next_due - self._now(), 0), LONGEST_NAP)
        with suppress(TimeoutError):
            async with asyncio.timeout(nap):
                await self._wanted.wait()

        self._wanted.clear()
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    def _missing(self) -> dict[int, tuple[int, int]]:
        return {
            number: (lane.last, WINDOW - len(lane.ready))
            for number, lane in enumerate(self._lanes)
            if lane.runs_low
        }

    def _take_over(self, turn: _Turn, written: Written) -> None:
        for key, mail in zip(written.keys, turn.mails, strict=True):
            self._lanes[disk.lane_of_key(key)].add(Loaded(key, mail, 0))
        for number, change in written.grown.items():
            self._lanes[number].grow(change)
        # Read after all of the above was written: so it includes whatever did not fit into the window.
        for number, (loaded, more) in written.loaded.items():
            self._lanes[number].extend(loaded, more=more)

        self._next_due = None if written.next_due is None else written.next_due / 1000
        turn.end(None)
        for stage in Stage:
            if any(lane.ready for lane in self._lanes_of(stage)):
                self._wake(stage)
        if any(lane.runs_low for lane in self._lanes):
            self._wanted.set()

    def _not_written(self, turn: _Turn, error: sqlite3.Error) -> None:
        turn.end(TemporaryFailure(f"the queue cannot be written: {error}"))
        # Nobody waits for these, and nobody says them again.
        self._next.batch.taken += turn.batch.taken
        self._next.batch.gone = turn.batch.gone + self._next.batch.gone
        self._next.batch.stopped = turn.batch.stopped + self._next.batch.stopped
        self._next_due = self._now() + RETRY

    def _write_soon(self, delay: float) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(delay, self._wanted.set)

    def _pop(self, stage: Stage) -> Loaded | None:
        for lane in self._lanes_of(stage):
            while (loaded := lane.pop()) is not None:
                if lane.runs_low:
                    self._wanted.set()
                self._write_soon(LAZY)
                if loaded.takes < MOST_TAKES:
                    loaded.takes += 1
                    self._next.batch.taken[loaded.key] += 1
                    return loaded
                reason = f"taken {loaded.takes} times without an end"
                self._next.batch.stopped.append((loaded.key, reason))
        return None

    def _lanes_of(self, stage: Stage) -> tuple[_Lane, _Lane]:
        return (
            self._lanes[disk.lane_of(stage, urgent=True)],
            self._lanes[disk.lane_of(stage, urgent=False)],
        )

    def _wake(self, stage: Stage) -> None:
        for intake in self._intakes[stage]:
            intake.wake()

    async def _walk_parked(self) -> AsyncIterator[_Parked]:
        newest = await self._read(self._ledger.newest_parked)
        last = 0
        while rows := await self._read(partial(self._ledger.parked_after, last, _PARKED_PAGE)):
            for row in rows:
                if row.id > newest:
                    return
                yield _Parked(self, row)
            last = rows[-1].id

    async def _read(self, read: Callable[[], T]) -> T:
        if self._closed:
            raise TemporaryFailure("the bus is closed")
        try:
            return await self._thread.do(read)
        except sqlite3.Error as error:
            raise TemporaryFailure(f"the queue cannot be read: {error}") from error


class _Turn:
    """What the next transaction writes, and the one future of all who wait for it."""

    def __init__(self) -> None:
        self.batch = Batch()
        self.mails: list[Mail] = []  # of `batch.ready`, in its order
        self._safe: asyncio.Future[None] | None = None

    async def written(self) -> None:
        if self._safe is None:
            self._safe = asyncio.get_running_loop().create_future()
        # One waiter that is cancelled must not cancel it for the others.
        await asyncio.shield(self._safe)

    def end(self, failure: TemporaryFailure | None) -> None:
        if self._safe is None or self._safe.done():
            return
        if failure is None:
            self._safe.set_result(None)
        else:
            self._safe.set_exception(failure)


class _Lane:
    """The ready mail of one stage and one urgency: the window in memory, and whether there is more."""

    def __init__(self, last: int, depth: int) -> None:
        self.ready: list[tuple[int, Loaded]] = []  # a heap
        self.last = last  # the key up to which all was loaded
        self.more = depth > 0  # on disk, behind `last`
        self.depth = depth

    @property
    def runs_low(self) -> bool:
        return self.more and len(self.ready) < WINDOW // 2

    def add(self, loaded: Loaded) -> None:
        self.depth += 1
        if self.more or len(self.ready) >= WINDOW:
            self.more = True
            return
        self.last = loaded.key
        heapq.heappush(self.ready, (loaded.key, loaded))

    def grow(self, change: int) -> None:
        self.depth += change
        self.more = self.more or change > 0

    def extend(self, loaded: Sequence[Loaded], *, more: bool) -> None:
        for one in loaded:
            self.last = one.key
            heapq.heappush(self.ready, (one.key, one))
        self.more = more

    def pop(self) -> Loaded | None:
        if not self.ready:
            return None
        self.depth -= 1
        return heapq.heappop(self.ready)[1]

    def give_back(self, loaded: Loaded) -> None:
        self.depth += 1
        heapq.heappush(self.ready, (loaded.key, loaded))


class _Parked:
    def __init__(self, bus: EmbeddedBus, row: disk.ParkedRow) -> None:
        self.mail = _decoded(row.content)
        self.raw = row.content
        self.stage = row.stage
        self.reason = row.reason
        self._bus = bus
        self._id = row.id

    async def retry(self) -> None:
        await self._bus.retry(self._id)

    async def drop(self) -> None:
        await self._bus.drop(self._id)


def _decoded(content: bytes) -> Mail | None:
    try:
        return wire.decode(content)
    except wire.UndecodableMail:
        return None
