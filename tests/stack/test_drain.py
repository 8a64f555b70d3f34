"""TERM under load, in every service: what is in hand ends, nothing is lost, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.runtime.supervision import Limits
from tests.support.gateway import GatewayProcess, make_site
from tests.support.load import Load
from tests.support.postgres import postgres_database
from tests.support.rabbitmq import PrivateBroker
from tests.support.smtp_client import connected
from tests.support.smtp_sink import Sink
from tests.support.waiting import until

SERVICES = ("receiver", "antispam", "scanner", "sender", "api")
UNDER_LOAD = 1.0
"""Seconds between two stops: enough for mail to be everywhere."""

ARRIVES_WITHIN = 120.0


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def test_each_service_ends_its_work_in_hand_when_it_is_told_to_stop(tmp_path: Path, sink: Sink) -> None:
    with PrivateBroker() as broker, postgres_database() as records_url:
        site = make_site(tmp_path, next_hop_port=sink.port, bus_url=broker.url, records_url=records_url)
        services = {name: GatewayProcess(site, (f"services.{name}",)) for name in SERVICES}
        try:
            for name, service in services.items():
                service.start(wait_for_smtp=name == "receiver")
            codes = {}
            with Load(site.smtp_port) as load:
                for name, service in services.items():
                    time.sleep(UNDER_LOAD)
                    codes[name] = service.stop()
                    service.start(wait_for_smtp=name == "receiver")
                time.sleep(UNDER_LOAD)
            wait_for(sink, load)
        finally:
            for service in services.values():
                service.kill()

    assert codes == dict.fromkeys(SERVICES, 0)
    assert len(load.accepted) > 20, site.log[-4000:]
    assert {number for number, times in sink.arrivals().items() if len(times) > 1} == set()
    assert "PARKED" not in site.log


def wait_for(sink: Sink, load: Load) -> None:
    deadline = time.monotonic() + ARRIVES_WITHIN
    while (missing := load.accepted.keys() - sink.arrivals().keys()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not missing


async def test_a_message_that_is_being_sent_when_the_gateway_stops_is_still_taken(
    tmp_path: Path, sink: Sink
) -> None:
    gateway = GatewayProcess(make_site(tmp_path, next_hop_port=sink.port))
    gateway.start()
    try:
        async with connected(gateway.site.smtp_port) as client:
            await client.reply()
            for command in ("EHLO c.example", "MAIL FROM:<a@c.example>", "RCPT TO:<b@site.example>", "DATA"):
                await client.say(command)
            await client.send(b"X-Number: held\r\n\r\nthe first half\r\n")
            assert gateway.process is not None
            gateway.process.terminate()

            reply = await client.say("the second half\r\n.")

        assert reply.startswith("250")
        assert gateway.process.wait(Limits().drain + 30) == 0
        gateway.start()
        await until(lambda: "held" in sink.arrivals(), within=ARRIVES_WITHIN)
        assert len(sink.arrivals()["held"]) == 1
    finally:
        gateway.kill()
