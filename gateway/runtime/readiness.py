"""Whether a process can work now: its worlds answer, its services have begun, and it does not end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from http import HTTPStatus

from gateway.blobs.port import Blobs, MissingBody
from gateway.bus.port import Bus
from gateway.domain.errors import TemporaryFailure
from gateway.domain.mail import BodyRef
from gateway.records.port import Records
from gateway.runtime.lifecycle import Phase

FRESH_SECONDS = 1.0
"""An answer is good for this long: nobody unknown makes us ask the worlds at will."""

ANSWER_SECONDS = 5.0
"""A world that needs longer for a simple question does not answer."""

Question = Callable[[], Awaitable[object]]
"""A simple question to a world. It raises `TemporaryFailure` when it cannot be answered now."""

_NO_BODY = BodyRef(f"{sha256().hexdigest()}-readiness", 0)

_log = logging.getLogger(__name__)


class Readiness:
    """Asks the outside worlds, once for all who ask at about the same time."""

    def __init__(
        self,
        worlds: Mapping[str, Question] | None = None,
        phase: Callable[[], Phase] = lambda: Phase.WORKING,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worlds = dict(worlds or {})
        self._phase = phase
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: Mapping[str, str] = {}
        self._known_until = float("-inf")

    def watch(self, world: str, question: Question) -> None:
        """One more world that the process needs."""
        self._worlds[world] = question

    @property
    def worlds(self) -> tuple[str, ...]:
        """All that the process needs."""
        return tuple(self._worlds)

    async def told(self) -> tuple[HTTPStatus, Mapping[str, object]]:
        """What a probe is answered. Which world is silent is told; why is in the log alone."""
        if (phase := self._phase()) is not Phase.WORKING:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"status": phase}
        if silent := sorted(await self.troubles()):
            return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "silent": silent}
        return HTTPStatus.OK, {"status": "ok"}

    async def troubles(self) -> Mapping[str, str]:
        """Why the process cannot work, by world; empty when it can."""
        async with self._lock:
            if self._clock() >= self._known_until:
                former, self._known = self._known, await troubles(self._worlds)
                self._known_until = self._clock() + FRESH_SECONDS
                if self._known and self._known != former:
                    _log.warning("not ready: %s", "; ".join(f"{n}: {why}" for n, why in self._known.items()))
        return self._known


def worlds_of(bus: Bus, blobs: Blobs, records: Records) -> Mapping[str, Question]:
    """What every service needs, by the names that probes are told."""

    async def reach_blobs() -> None:
        await blobs.free_bytes()
        try:
            await blobs.read(_NO_BODY)
        except MissingBody:
            return  # whoever knows that it is not there has looked

    async def reach_records() -> None:
        if not records.ready:
            raise TemporaryFailure("what was noted cannot be stored")
        await records.suspended()

    return {"bus": bus.depth, "blobs": reach_blobs, "records": reach_records}


async def troubles(worlds: Mapping[str, Question]) -> Mapping[str, str]:
    """Why these worlds do not answer, by their names; nothing of those that do."""
    answers = await asyncio.gather(*(_trouble(question) for question in worlds.values()))
    return {name: trouble for name, trouble in zip(worlds, answers, strict=True) if trouble}


async def _trouble(question: Question) -> str:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await question()
    except TimeoutError:
        return f"no answer within {ANSWER_SECONDS:g} s"
    except TemporaryFailure as trouble:
        return str(trouble) or "not now"
    return ""
