"""A bus inside one process that forgets all when it ends: for tests, and to show what a bus does.

Mail is kept as it would lie on a real bus, so that what cannot travel fails here too.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from gateway.bus import port, wire
from gateway.bus.asking import Answer, Answerers
from gateway.bus.hearing import Listeners
from gateway.bus.intake import MOST_TAKES, Intake
from gateway.bus.taken import End, Taken
from gateway.domain.commands import Command
from gateway.domain.explanation import Explanation
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage


class MemoryBus:
    """The port's promises, as far as memory can hold them."""

    def __init__(self) -> None:
        self._lines = {stage: _Line() for stage in Stage}
        self._parked: dict[int, _Parked] = {}
        self._listeners = Listeners()
        self._answerers = Answerers()
        self._numbers = itertools.count()
        self._timers: set[asyncio.TimerHandle] = set()

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        """See `Bus.publish`."""
        for content in [wire.encode(mail) for mail in mails]:
            self._add(stage, content, urgent=urgent)

    async def defer(self, stage: Stage, mail: Mail, delay: timedelta) -> None:
        """See `Bus.defer`."""
        content = wire.encode(mail)

        def over() -> None:
            self._timers.discard(timer)
            self._add(stage, content, urgent=False)

        timer = asyncio.get_running_loop().call_later(delay.total_seconds(), over)
        self._timers.add(timer)

    async def park(self, stage: Stage, mail: Mail, reason: str) -> None:
        """See `Bus.park`."""
        self._keep(stage, wire.encode(mail), wire.storable(reason))

    @asynccontextmanager
    async def consume(self, stage: Stage, prefetch: int) -> AsyncIterator[AsyncIterator[port.Delivery]]:
        """See `Bus.consume`."""
        line = self._lines[stage]

        def pop() -> Taken | None:
            while line.ready:
                entry = heapq.heappop(line.ready)
                if entry.takes < MOST_TAKES:
                    entry.takes += 1
                    return Taken(wire.decode(entry.content), partial(line.end, entry, intake))
                self._keep(stage, entry.content, f"taken {entry.takes} times without an end")
            return None

        intake: Intake[Taken] = Intake(pop, prefetch)
        line.intakes.add(intake)
        try:
            yield intake
        finally:
            line.intakes.discard(intake)
            intake.leave()

    @asynccontextmanager
    async def parked(self) -> AsyncIterator[AsyncIterator[port.ParkedMail]]:
        """See `Bus.parked`."""
        yield _each(list(self._parked.values()))

    async def depth(self) -> Mapping[Stage, int]:
        """See `Bus.depth`."""
        return {stage: len(line.ready) for stage, line in self._lines.items()}

    async def takers(self) -> Mapping[Stage, int]:
        """See `Bus.takers`."""
        return {stage: len(line.intakes) for stage, line in self._lines.items()}

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
        self._listeners.tell(wire.decode_command(wire.encode_command(command)))

    @asynccontextmanager
    async def commands(self) -> AsyncIterator[AsyncIterator[Command | None]]:
        """See `Bus.commands`."""
        with self._listeners.listen() as listener:
            yield listener

    async def close(self) -> None:
        """See `Bus.close`."""
        for timer in self._timers:
            timer.cancel()

    def _add(self, stage: Stage, content: bytes, *, urgent: bool) -> None:
        self._lines[stage].put(_Entry((not urgent, next(self._numbers)), content))

    def _keep(self, stage: Stage, content: bytes, reason: str) -> None:
        number = next(self._numbers)
        self._parked[number] = _Parked(self, number, stage, content, reason)

    def retry(self, number: int) -> None:
        """Put a parked mail back to its stage, unless that was done already."""
        if parked := self._parked.pop(number, None):
            self._add(parked.stage, parked.raw, urgent=False)

    def drop(self, number: int) -> None:
        """Remove a parked mail."""
        self._parked.pop(number, None)


@dataclass(slots=True, order=True)
class _Entry:
    place: tuple[bool, int]  # urgent before others, then the oldest
    content: bytes = field(compare=False)
    takes: int = field(default=0, compare=False)


class _Line:
    """The ready mail of one stage, and those who take it."""

    def __init__(self) -> None:
        self.ready: list[_Entry] = []
        self.intakes: set[Intake[Taken]] = set()

    def put(self, entry: _Entry) -> None:
        heapq.heappush(self.ready, entry)
        for intake in self.intakes:
            intake.wake()

    def end(self, entry: _Entry, intake: Intake[Taken], how: End) -> None:
        intake.ended()
        if how is End.AGAIN:
            self.put(entry)


class _Parked:
    def __init__(self, bus: MemoryBus, number: int, stage: Stage, raw: bytes, reason: str) -> None:
        self.mail = wire.decode(raw)
        self.raw = raw
        self.stage = stage
        self.reason = reason
        self._bus = bus
        self._number = number

    async def retry(self) -> None:
        self._bus.retry(self._number)

    async def drop(self) -> None:
        self._bus.drop(self._number)


async def _each(parked: Sequence[_Parked]) -> AsyncIterator[_Parked]:
    for one in parked:
        yield one
