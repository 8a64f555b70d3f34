"""How fast a host can be given mail: what it has shown of itself lately."""

from __future__ import annotations

from services.sender.session import Interrupted, again_too_soon

FIRST_REST = 10.0
LONGEST_REST = 600.0
"""Seconds that a host is left alone after it refused a session, doubling with each further refusal."""
RAISE_SECONDS = 60.0
"""A host that refused a session is offered one more only after so long."""
SHORTEST_PUT_OFF = 1.0
LONGEST_PUT_OFF = 1800.0
"""Seconds after which a mail comes again for which a host had no room."""
WEIGHT = 0.2
"""How much the last one counts for the time between two messages that a host has done with."""


class Pace:
    """Of one host: the sessions it bears, how fast messages get through, and until when it shall rest."""

    def __init__(self, most: int) -> None:
        self.limit = most  # sessions at once
        self._most = most
        self._changed_at = 0.0  # when the limit was last lowered or raised
        self._interval = 0.0  # seconds between two messages that it has done with, all sessions at work
        self._last_turn = 0.0
        self._rest = 0.0
        self._rests_until = 0.0
        self._refusal = again_too_soon(Interrupted(""))

    def worked(self, now: float) -> None:
        """A message went through."""
        self._rest = 0.0
        if self.limit < self._most and now - self._changed_at >= RAISE_SECONDS:
            self.limit += 1
            self._changed_at = now

    def freed(self, seconds: float) -> None:
        """With all its sessions at work, one of them became free after so many seconds."""
        self._interval += WEIGHT * (seconds - self._interval)

    def bears(self, sessions: int, now: float) -> None:
        """It wants no more sessions than that, as it showed."""
        self.limit = max(1, min(self.limit, sessions))
        self._changed_at = now

    def refused(self, refusal: Interrupted, now: float) -> None:
        """It refused a session although there was no other."""
        self.bears(1, now)
        self._rest = min(max(2 * self._rest, FIRST_REST), LONGEST_REST)
        self._rests_until = now + self._rest
        # Another one: an exception that was raised holds on to all that was going on.
        self._refusal = again_too_soon(refusal)

    def resting(self, now: float) -> Interrupted | None:
        """What there is to say while it is left alone because it refused; a value, not to be raised."""
        return self._refusal if now < self._rests_until else None

    def wait_behind(self, waiting: int, standstill: float) -> float:
        """Seconds until somebody has a turn before whom so many wait.

        `standstill` is for how long no session has become free: one that does not end says more than those
        that did.
        """
        return (waiting + 1) * max(self._interval, standstill)

    def put_off(self, waiting: int, standstill: float, now: float) -> float:
        """Seconds after which a mail that cannot wait shall come again: each has a turn of its own."""
        soonest = now + max(self.wait_behind(waiting, standstill), SHORTEST_PUT_OFF)
        turn = max(self._last_turn + self.wait_behind(0, standstill), soonest)
        self._last_turn = min(turn, now + LONGEST_PUT_OFF)
        return self._last_turn - now
