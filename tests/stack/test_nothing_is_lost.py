"""Real processes are killed under load: every message that was answered with 250 arrives."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.gateway import GatewayProcess, Site, make_site
from tests.support.load import Load
from tests.support.postgres import postgres_database
from tests.support.rabbitmq import PrivateBroker
from tests.support.smtp_sink import Sink

ARRIVAL_SECONDS = 120.0
SHORTEST_RUN, LONGEST_RUN = 0.3, 1.5
"""Seconds between two kills: long enough for some messages, short enough to hit all kinds of moments."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def test_the_embedded_gateway_loses_nothing_when_it_is_killed(tmp_path: Path, sink: Sink) -> None:
    gateway = GatewayProcess(make_site(tmp_path, next_hop_port=sink.port))
    gateway.start()
    with stopped_at_the_end([gateway]):
        kills = kill_under_load(gateway.site, [_restart(gateway)] * 6)

        assert_all_arrived(kills, sink, gateway.site)


def test_the_pipeline_loses_nothing_when_services_and_broker_are_killed(tmp_path: Path, sink: Sink) -> None:
    with PrivateBroker() as broker, postgres_database() as records_url:
        site = make_site(tmp_path, next_hop_port=sink.port, bus_url=broker.url, records_url=records_url)
        names = ("receiver", "antispam", "scanner", "sender")
        services = {name: GatewayProcess(site, (f"services.{name}",)) for name in names}
        for name, service in services.items():
            service.start(wait_for_smtp=name == "receiver")
        with stopped_at_the_end(list(services.values())):
            victims: list[Callable[[], None]] = [_restart(service) for service in services.values()] * 2
            victims.insert(4, _restart_broker(broker))
            kills = kill_under_load(site, victims)

            assert_all_arrived(kills, sink, site)


@dataclass(frozen=True)
class Kills:
    """What was accepted while somebody was killed again and again, and when that was."""

    begun: Mapping[str, float]
    accepted: frozenset[str]
    moments: Sequence[float]

    def cut_off(self, number: str, until: float) -> bool:
        """Whether somebody was killed while that message was on its way."""
        return any(self.begun[number] <= moment <= until for moment in self.moments)


def kill_under_load(site: Site, victims: Sequence[Callable[[], None]]) -> Kills:
    """Send mail, and kill and restart one victim after the other at random moments."""
    dice = random.Random()
    moments = []
    with Load(site.smtp_port) as load:
        for kill_and_restart in victims:
            time.sleep(dice.uniform(SHORTEST_RUN, LONGEST_RUN))
            moments.append(time.monotonic())
            kill_and_restart()
        time.sleep(LONGEST_RUN)
    return Kills(load.begun, frozenset(load.accepted), moments)


def assert_all_arrived(kills: Kills, sink: Sink, site: Site) -> None:
    """All that was accepted arrives; what arrives twice was in a step that a kill cut off."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while (missing := kills.accepted - sink.arrivals().keys()) and time.monotonic() < deadline:
        time.sleep(0.2)
    arrivals = sink.arrivals()
    twice = {number: times for number, times in arrivals.items() if len(times) > 1}
    print(
        f"accepted {len(kills.accepted)}, lost {len(missing)}, twice {len(twice)}, kills {len(kills.moments)}"
    )

    assert len(kills.accepted) > 20, f"the load did not get through:\n{site.log[-4000:]}"
    assert not missing, f"{len(missing)} of {len(kills.accepted)} lost:\n{site.log[-4000:]}"
    assert not [number for number, times in twice.items() if not kills.cut_off(number, max(times))]


def _restart(gateway: GatewayProcess) -> Callable[[], None]:
    listens = gateway.argv[0] in ("cli.smtpgw", "services.receiver")

    def kill_and_restart() -> None:
        gateway.kill()
        gateway.start(wait_for_smtp=listens)

    return kill_and_restart


def _restart_broker(broker: PrivateBroker) -> Callable[[], None]:
    def kill_and_restart() -> None:
        broker.kill()
        broker.start()

    return kill_and_restart


@contextmanager
def stopped_at_the_end(processes: Sequence[GatewayProcess]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()
