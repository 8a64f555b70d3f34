"""Whether clamd can be asked: when it does not answer it is left alone for a while, and longer each time."""

from __future__ import annotations

from collections.abc import Callable

from gateway.domain.errors import TemporaryFailure
from gateway.runtime.outages import Outages

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0


class Health:
    """What all who ask one clamd know of it. While it is away mail waits: nothing passes unseen."""

    def __init__(self, address: str, outages: Outages, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._subject = f"clamd at {address}"
        self._outages = outages
        self._clock = clock
        self._trouble = ""
        self._wait = FIRST_WAIT
        self._not_before = 0.0

    def check(self) -> None:
        """Raise `TemporaryFailure` while it should be left alone; afterwards one may try for all."""
        if not self._trouble:
            return
        if self._clock() < self._not_before:
            raise self.failure()
        self._not_before = self._clock() + self._wait

    def failed(self, trouble: str) -> None:
        """It could not be reached."""
        self._wait = min(2 * self._wait, LONGEST_WAIT) if self._trouble else FIRST_WAIT
        self._trouble = trouble
        self._not_before = self._clock() + self._wait
        self._outages.begin(self._subject, f"mail waits: {trouble}")

    def answered(self) -> None:
        """It is there."""
        self._trouble = ""
        self._outages.end(self._subject)

    def failure(self) -> TemporaryFailure:
        """What happens to mail now."""
        return TemporaryFailure(f"clamd cannot be asked: {self._trouble}")
