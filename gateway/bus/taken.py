"""A mail that was taken from a bus, whichever product is behind it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from gateway.domain.mail import Mail


class End(Enum):
    """What shall become of a mail that was taken."""

    DONE = auto()
    AGAIN = auto()
    DEAD = auto()  # it cannot be read: to where the operator sees it


class Taken:
    """A delivery, see `gateway.bus.port`. It ends once: `end` is told how, and later ends are harmless.

    `reachable` says whether the bus can still be told; if not, it gives the mail out again by itself.
    """

    def __init__(
        self, mail: Mail, end: Callable[[End], None], *, reachable: Callable[[], bool] = lambda: True
    ) -> None:
        self.mail = mail
        self._end: Callable[[End], None] | None = end
        self._reachable = reachable

    @property
    def held(self) -> bool:
        """See `Delivery.held`."""
        return self._end is not None and self._reachable()

    async def done(self) -> None:
        """See `Delivery.done`."""
        self._finish(End.DONE)

    async def again(self) -> None:
        """See `Delivery.again`."""
        self._finish(End.AGAIN)

    def _finish(self, how: End) -> None:
        end, self._end = self._end, None
        if end is not None:
            end(how)
