"""Patience: who has to wait for our greeting, which many spammers do not do (RFC 5321 §3.1)."""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway.domain.access import Address
from gateway.domain.ttlcache import TtlCache

PATIENT_FOR = 86400.0
"""Seconds during which a client that has waited once need not wait again."""

MOST_PATIENT = 50_000


class Patience:
    """Remembers who has waited. `is_known` says of whom nothing has to be found out."""

    def __init__(
        self,
        pause: float,
        is_known: Callable[[Address], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pause = pause
        self._is_known = is_known
        self._patient: TtlCache[Address, bool] = TtlCache(MOST_PATIENT, clock)

    def pause_before(self, client: Address) -> float:
        """Seconds that a client has to wait for the greeting."""
        if not self._pause or self._patient.get(client) or self._is_known(client):
            return 0.0
        return self._pause

    def waited(self, client: Address) -> None:
        """A client has waited until the end of its pause."""
        self._patient.put(client, True, PATIENT_FOR)
