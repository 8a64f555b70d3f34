"""Whether clamd can be asked: when it does not answer it is left alone for a while, and longer each time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.domain.errors import TemporaryFailure

log = logging.getLogger(__name__)

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0


class Health:
    """What all who ask one clamd know of it. While it is away mail waits: nothing passes unseen."""

    def __init__(self, address: str, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._address = address
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
        if not self._trouble:
            log.error("clamd at %s cannot be asked, mail waits: %s", self._address, trouble)
            self._wait = FIRST_WAIT
        else:
            self._wait = min(2 * self._wait, LONGEST_WAIT)
        self._trouble = trouble
        self._not_before = self._clock() + self._wait

    def answered(self) -> None:
        """It is there."""
        if self._trouble:
            log.info("clamd at %s answers again", self._address)
        self._trouble = ""

    def failure(self) -> TemporaryFailure:
        """What happens to mail now."""
        return TemporaryFailure(f"clamd cannot be asked: {self._trouble}")
