"""Recipients: whether one exists, by the site's list and by what the next hop says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from gateway.domain.firstmatch import MaskIndex, in_order
from gateway.domain.routes import Route
from gateway.domain.ttlcache import TtlCache
from gateway.runtime.outages import Outages
from services.receiver.probing import Away, NoAnswer, Prober

log = logging.getLogger(__name__)

MOST_REMEMBERED = 100_000
"""Recipients of which the next hop's word is kept."""

AWAY_FOR = 60.0
"""Seconds during which a next hop that did not answer is not asked again, so that clients need not wait."""


class Existence(Enum):
    """What is known of a recipient."""

    EXISTS = auto()
    UNKNOWN = auto()  # there is no such recipient
    UNSURE = auto()  # the next hop has to be asked, or cannot say it now


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """How recipients are checked (`[gateway.recipients]`). Times are in seconds."""

    known: tuple[str, ...] = ()  # masks
    ask_next_hop: bool = False
    routes: tuple[Route, ...] = ()  # who the next hops are
    known_ttl: float = 7200.0
    unknown_ttl: float = 600.0
    accepts_unsure: bool = True  # whether to take a recipient of whom the next hop cannot say it now


class Recipients:
    """Knows them for all sessions of the process."""

    def __init__(
        self,
        checking: Checking,
        prober: Prober,
        outages: Outages,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checking = checking
        self._prober = prober
        self._outages = outages
        self._listed = MaskIndex(enumerate(checking.known))
        self._routed = MaskIndex((number, route.mask) for number, route in enumerate(checking.routes))
        self._answers: TtlCache[str, bool] = TtlCache(MOST_REMEMBERED, clock)
        self._away: TtlCache[Route, bool] = TtlCache(len(checking.routes) + 1, clock)
        self._asking: dict[str, asyncio.Task[Existence]] = {}

    @property
    def accepts_unsure(self) -> bool:
        """Whether a recipient is taken of whom the next hop cannot say whether it exists."""
        return self._checking.accepts_unsure

    def known(self, address: str) -> Existence:
        """What can be said without asking anybody."""
        key = address.lower()
        answer = True if key in self._listed else self._answers.get(key)
        if answer is None and self._checking.ask_next_hop:
            return Existence.UNSURE
        return Existence.EXISTS if answer else Existence.UNKNOWN

    async def asked(self, address: str) -> Existence:
        """What the next hop says; many who ask for the same at once ask it once."""
        key = address.lower()
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(address))
            asking.add_done_callback(lambda _: self._asking.pop(key))
        return await asyncio.shield(asking)

    async def close(self) -> None:
        """Ask nothing more."""
        for asking in list(self._asking.values()):
            asking.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _ask(self, address: str) -> Existence:
        numbers = in_order(self._routed.naming(address))
        route = next((self._checking.routes[number] for number in numbers), None)
        if route is None:
            return Existence.EXISTS  # strangers are not asked, and who else there is nobody says
        if self._away.get(route):
            return Existence.UNSURE

        subject = f"next hop {route.host}:{route.port}, asked for recipients"
        try:
            taken = await self._prober.ask(route, address)
        except Away as away:
            self._away.put(route, True, AWAY_FOR)
            self._outages.begin(subject, str(away))
            return Existence.UNSURE
        except NoAnswer as unsure:
            log.debug("%s cannot say whether %s exists: %s", subject, address, unsure)
            return Existence.UNSURE
        self._outages.end(subject)
        ttl = self._checking.known_ttl if taken else self._checking.unknown_ttl
        self._answers.put(address.lower(), taken, ttl)
        return Existence.EXISTS if taken else Existence.UNKNOWN
