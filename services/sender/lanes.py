"""Who speaks with one host and who waits for it: as many at once as its pace allows, in order."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import NoReturn

from services.sender.pacing import Pace

LONGEST_QUEUE = 2.0
"""Seconds that a mail may expect to wait. Who would wait for longer makes room for mail to other hosts."""


class Busy(Exception):
    """No session is free: nothing was tried, and the mail may come again `after` so many seconds."""

    def __init__(self, reason: str, after: float) -> None:
        super().__init__(reason)
        self.after = after


class Lane:
    """What goes on with one host. Each who speaks or waits stands for itself by a `talk`, any object."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._talks: set[object] = set()
        self._waiting: OrderedDict[object, asyncio.Future[None]] = OrderedDict()
        self._moved_at = 0.0  # when the last session was taken, or one became free since then

    @property
    def talking(self) -> int:
        """How many speak with the host."""
        return len(self._talks)

    @property
    def idle(self) -> bool:
        """Whether nobody speaks with it or waits for it."""
        return not self._talks and not self._waiting

    async def enter(self, talk: object) -> None:
        """Return when it is the turn of `talk`. Raises `Busy` when that takes too long."""
        if self.talking < self.pace.limit and not self._waiting:
            self._begin(talk)
            return
        if self.pace.wait_behind(len(self._waiting), _now() - self._moved_at) > LONGEST_QUEUE:
            self.turn_away()
        turn = self._waiting[talk] = asyncio.get_running_loop().create_future()
        try:
            # A host that comes to a stop meanwhile keeps nobody for long.
            async with asyncio.timeout(2 * LONGEST_QUEUE):
                await turn
        except TimeoutError:
            self.leave(talk)
            self.turn_away()
        except BaseException:
            self.leave(talk)
            raise

    def leave(self, talk: object) -> None:
        """`talk` is over, or given up; the next one has its turn."""
        self._waiting.pop(talk, None)
        if talk in self._talks:
            if self.talking >= self.pace.limit:
                self.pace.freed(_now() - self._moved_at)
                self._moved_at = _now()
            self._talks.remove(talk)
        while self._waiting and self.talking < self.pace.limit:
            next_talk, turn = self._waiting.popitem(last=False)
            if not turn.done():
                self._begin(next_talk)
                turn.set_result(None)

    def turn_away(self) -> NoReturn:
        """Raises `Busy`."""
        after = self.pace.put_off(len(self._waiting), _now() - self._moved_at, _now())
        raise Busy("all sessions that the host bears are in use", after)

    def _begin(self, talk: object) -> None:
        self._talks.add(talk)
        if self.talking == self.pace.limit:
            self._moved_at = _now()


def _now() -> float:
    return asyncio.get_running_loop().time()
