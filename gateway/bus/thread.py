"""A thread that works for an event loop.

An executor does the same for twice the CPU: each piece of work passes two futures and a condition, and for
their locks the thread and the event loop take the interpreter from each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[Callable[[], Any], asyncio.Future[Any]]


class WorkerThread:
    """Does one piece of work after the other, in the order in which they are given."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        # A daemon: a process that ends without `close` does not wait for work that never comes.
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[], T]) -> T:
        """What `work` gives or raises. It is done even if nobody waits for it any more."""
        outcome: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((work, outcome))
        return await outcome

    def close(self) -> None:
        """Return when all that was given is done."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._loop.call_soon_threadsafe(_done(*job))
            del job  # and all that it holds, before the next one is waited for


def _done(work: Callable[[], T], outcome: asyncio.Future[T]) -> Callable[[], None]:
    """Do `work`; what the event loop has to call then."""
    try:
        return partial(_settle, outcome, outcome.set_result, work())
    except BaseException as error:  # the caller's, whatever it is
        return partial(_settle, outcome, outcome.set_exception, error)


def _settle(outcome: asyncio.Future[T], end: Callable[[Any], None], how: object) -> None:
    if not outcome.done():  # nobody waits for one that was cancelled
        end(how)
