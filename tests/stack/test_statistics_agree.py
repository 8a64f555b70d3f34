"""Statistics, records and what arrived agree, although processes are killed under load.

What is counted is written behind. So a kill may take what was counted in the moments before it, and nothing
else; and whatever was counted before a quiet second stays, exactly, whoever is killed then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.config.load import load_settings
from gateway.domain.statistics import Counter
from gateway.records.behind import Pace
from gateway.runtime.wiring import open_records
from tests.support.gateway import GatewayProcess, Site, make_site
from tests.support.load import CLIENTS, Load
from tests.support.postgres import postgres_database
from tests.support.rabbitmq import PrivateBroker
from tests.support.smtp_sink import Sink

KILLS = 3
BETWEEN_KILLS = 3.0
"""Seconds of load before each of them: much longer than what is written behind waits."""

BEHIND = Pace().write_every * 4
"""Seconds that a busy machine may take to write what is written behind."""

SETTLES_WITHIN = 120.0
SERVICES = ("receiver", "antispam", "scanner", "sender")


@dataclass(frozen=True)
class Books:
    """What the records say."""

    counted: Mapping[str, int]
    delivered: int  # mails

    @property
    def received(self) -> int:
        return self.counted[Counter.RECEIVED_MESSAGES]

    @property
    def sent(self) -> int:
        return self.counted[Counter.SENT_MESSAGES]


def books_of(site: Site) -> Books:
    async def read() -> Books:
        records = await open_records(load_settings(site.config, site.environment))
        try:
            counted = {name.value: value for name, value in (await records.statistics()).items()}
            return Books(counted, (await records.counts()).get("delivered", 0))
        finally:
            await records.close()

    return asyncio.run(read())


def settled(site: Site, sink: Sink, accepted: Sequence[str]) -> Books:
    """The books when all has arrived and nothing changes any more."""
    deadline = time.monotonic() + SETTLES_WITHIN
    before = None
    while time.monotonic() < deadline:
        now = books_of(site)
        arrived = sink.arrivals()
        if now == before and all(number in arrived for number in accepted) and now.delivered == len(arrived):
            return now
        before = now
        time.sleep(1.0)  # the quiet second of the promise
    raise AssertionError(f"does not settle: {before}, {len(sink.arrivals())} arrived:\n{site.log[-4000:]}")


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture(params=["embedded", "pipeline"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path, sink: Sink) -> Iterator[list[GatewayProcess]]:
    if request.param == "embedded":
        processes = [GatewayProcess(make_site(tmp_path, next_hop_port=sink.port))]
        yield from started(processes)
        return
    with PrivateBroker() as broker, postgres_database() as records_url:
        site = make_site(tmp_path, next_hop_port=sink.port, bus_url=broker.url, records_url=records_url)
        yield from started([GatewayProcess(site, (f"services.{name}",)) for name in SERVICES])


def started(processes: list[GatewayProcess]) -> Iterator[list[GatewayProcess]]:
    try:
        start(processes)
        yield processes
    finally:
        kill(processes)


def start(processes: Sequence[GatewayProcess]) -> None:
    for number, process in enumerate(processes):
        process.start(wait_for_smtp=number == 0)


def kill(processes: Sequence[GatewayProcess]) -> None:
    for process in processes:
        process.kill()


def test_statistics_agree_with_the_records_and_with_what_was_sent(
    gateway: list[GatewayProcess], sink: Sink
) -> None:
    site = gateway[0].site
    at_risk = 0  # accepted in the moments before a kill
    with Load(site.smtp_port) as load:
        for _ in range(KILLS):
            time.sleep(BETWEEN_KILLS)
            kill(gateway)
            killed_at = time.monotonic()
            at_risk += sum(at > killed_at - BEHIND for at in load.accepted.values()) + CLIENTS
            start(gateway)
        time.sleep(BETWEEN_KILLS)

    books = settled(site, sink, tuple(load.accepted))

    arrivals = sink.arrivals()
    deliveries = sum(map(len, arrivals.values()))
    assert len(load.accepted) > 20, site.log[-4000:]
    # The records of mail are exact; counters miss what a kill took, and count nothing that was not.
    assert books.delivered == len(arrivals)
    assert len(load.accepted) - at_risk <= books.received <= len(load.begun)
    assert deliveries - at_risk - KILLS * CLIENTS <= books.sent <= deliveries

    # Without a kill they agree exactly ...
    with Load(site.smtp_port) as more:
        time.sleep(BETWEEN_KILLS)
    after = settled(site, sink, tuple(more.accepted))
    assert after.received - books.received == len(more.accepted)
    assert after.sent - books.sent == len(more.accepted)
    assert after.delivered - books.delivered == len(more.accepted)

    # ... and a kill after a quiet second takes nothing.
    kill(gateway)
    assert books_of(site) == after
    start(gateway)
    again = settled(site, sink, tuple(more.accepted))
    assert (again.received, again.sent, again.delivered) == (after.received, after.sent, after.delivered)
