"""A limit on the processor time of one step of work in a process that works on one thing alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLong(BaseException):
    """The time was over. Nothing that catches `Exception` shall take it for its own."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises `TookTooLong` in what takes more processor time, between two steps of Python.

    Signals reach the main thread alone: elsewhere there is no limit but that of who called.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, _give_up)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise TookTooLong
