"""A process's own pages for monitoring: `/metrics` for Prometheus, `/healthz` and `/readyz` for probes."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from gateway.domain.errors import TemporaryFailure
from gateway.metrics.catalogue import BUILD, COUNTERS, LOG_LINES, READY, SESSIONS, SESSIONS_OF
from gateway.metrics.exposition import CONTENT_TYPE, text_of
from gateway.metrics.family import Collected, Sample
from gateway.metrics.levels import bases_in_use, licence, mail_on_its_way, orders, outages, room, waiting
from gateway.metrics.metrics import Asking, Metrics
from gateway.metrics.resources import resources
from gateway.runtime.clock import utc_now
from gateway.runtime.pages import Answer, Page, PageServer
from gateway.runtime.readiness import Readiness
from gateway.runtime.wiring import Gateway
from gateway.version import VERSION

FRESH_SECONDS = 1.0
"""Numbers are good for this long: who scrapes more often is told the same again."""

ANSWER_SECONDS = 5.0
"""A world that needs longer is left out: a scrape must not end for it (Prometheus waits ten seconds)."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def monitored(gateway: Gateway, services: Iterable[str]) -> AsyncIterator[None]:
    """Have the pages of `[gateway.metrics] Listen` answered until the context is left."""
    listen = gateway.settings.metrics.listen
    if listen is None:
        yield
        return
    lines = LogLines()
    server = PageServer(pages_of(gateway, services, lines))
    await server.listen(listen)
    logging.getLogger().addHandler(lines)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(lines)
        await server.close()


def tell_of_the_gateway(gateway: Gateway) -> None:
    """Have this process tell, too, what is true of all processes together."""
    records, metrics = gateway.records, gateway.metrics
    metrics.ask(partial(mail_on_its_way, records, utc_now))
    metrics.ask(partial(waiting, gateway.bus))
    metrics.ask(partial(orders, records))
    metrics.ask(partial(outages, records.outages, utc_now))
    metrics.ask(partial(licence, gateway.licensing))
    metrics.ask(partial(bases_in_use, gateway.settings.path.bases_path))
    metrics.ask(partial(room, gateway.blobs))


class LogLines(logging.Handler):
    """Counts what is written into the log from warnings on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.counted = {"warning": 0, "error": 0, "critical": 0}

    def emit(self, record: logging.LogRecord) -> None:
        """One line more. Nobody else does so meanwhile: a handler is locked."""
        levels = {logging.WARNING: "warning", logging.ERROR: "error", logging.CRITICAL: "critical"}
        self.counted[levels[min(record.levelno // 10 * 10, logging.CRITICAL)]] += 1


def pages_of(gateway: Gateway, services: Iterable[str], lines: LogLines) -> Mapping[str, Page]:
    """The pages by their paths; `lines` counts those of the log."""
    numbers = Numbers(
        gateway.metrics,
        gateway.readiness,
        lambda: _at_hand(gateway, tuple(services), lines),
    )

    async def metrics() -> Answer:
        return Answer(await numbers.text(), CONTENT_TYPE)

    async def healthz() -> Answer:
        return Answer(json.dumps({"status": "ok"}))

    async def readyz() -> Answer:
        status, told = await gateway.readiness.told()
        return Answer(json.dumps(told), status=status)

    return {"/metrics": metrics, "/healthz": healthz, "/readyz": readyz}


class Numbers:
    """All numbers of the process, found out once for all who ask at about the same time."""

    def __init__(
        self,
        metrics: Metrics,
        readiness: Readiness,
        at_hand: Callable[[], Iterable[Collected]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._readiness = readiness
        self._at_hand = at_hand
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known = ""
        self._known_until = float("-inf")

    async def text(self) -> str:
        """What a scrape is answered."""
        async with self._lock:
            if self._clock() >= self._known_until:
                asked = (self._ready, *self._metrics.sources)
                found = await asyncio.gather(*(_within_reason(source) for source in asked))
                everything = [*self._at_hand(), *(each for some in found for each in some)]
                self._known = text_of(everything)
                self._known_until = self._clock() + FRESH_SECONDS
        return self._known

    async def _ready(self) -> Iterable[Collected]:
        troubles = await self._readiness.troubles()
        worlds = self._readiness.worlds
        return (Collected(READY, [Sample(world not in troubles, (world,)) for world in worlds]),)


async def _within_reason(source: Asking) -> Iterable[Collected]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await source()
    except (TemporaryFailure, TimeoutError) as trouble:
        _log.debug("some numbers cannot be told now: %s", trouble)
        return ()


def _at_hand(gateway: Gateway, services: tuple[str, ...], lines: LogLines) -> Iterator[Collected]:
    yield Collected(BUILD, [Sample(1, (VERSION, service)) for service in services])
    totals = gateway.records.counted
    yield from (counted.collected(totals) for counted in COUNTERS)
    yield from gateway.metrics.at_hand()
    levels = gateway.gauges.read()
    yield Collected(
        SESSIONS, [Sample(levels[gauge], (kind,)) for gauge, kind in SESSIONS_OF.items() if gauge in levels]
    )
    yield Collected(LOG_LINES, [Sample(number, (level,)) for level, number in lines.counted.items()])
    yield from resources()
