from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.domain.pipeline import Stage
from gateway.domain.statistics import Counter, Timing
from gateway.metrics.catalogue import OF_THE_GATEWAY, families
from gateway.metrics.family import Collected
from gateway.metrics.metrics import Metrics
from gateway.runtime import monitoring
from gateway.runtime.monitoring import LogLines, Numbers, monitored, pages_of, tell_of_the_gateway
from gateway.runtime.readiness import Readiness
from gateway.runtime.wiring import Gateway
from services.antispam.__main__ import run as run_antispam
from services.scanner.__main__ import run as run_scanner
from tests.support.ports import free_port
from tests.support.stages import a_gateway
from tests.support.waiting import until


async def page(gateway: Gateway, path: str = "/metrics", services: Iterable[str] = ("sender",)) -> str:
    return (await pages_of(gateway, services, LogLines())[path]()).content


async def test_what_is_counted_and_timed_stands_on_the_page(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        gateway.records.count(Counter.RECEIVED_BYTES, 1200)
        gateway.metrics.took(Timing.SENDER, 0.3)

        text = await page(gateway)

    assert "\nmailwarden_received_bytes_total 1200\n" in text
    assert '\nmailwarden_stage_seconds_bucket{stage="sender",le="0.5"} 1\n' in text
    assert 'service="sender"} 1\n' in text


async def test_every_metric_of_the_catalogue_has_its_source(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        for timing in Timing:
            gateway.metrics.took(timing, 0.1)
        tell_of_the_gateway(gateway)
        text = await page(gateway)
        running = [asyncio.create_task(run(gateway)) for run in (run_antispam, run_scanner)]
        try:
            while "mailwarden_mails_in_hand" not in text:
                await asyncio.sleep(0.01)
                text += await page(gateway)
        finally:
            gateway.lifecycle.stop()
            await asyncio.wait(running)

    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    elsewhere = {
        "mailwarden_sessions",  # receiver and sender: tests/stack/test_prometheus.py
        "mailwarden_blobs_free_bytes",  # a directory has bounds, memory does not say
        "mailwarden_bases_made_timestamp_seconds",  # no databases are installed
        "mailwarden_bases_records",
    }
    assert told | elsewhere == {family.name for family in families()}


async def test_only_who_is_told_to_tells_of_the_gateway(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        text = await page(gateway)

    assert not [family.name for family in OF_THE_GATEWAY if f" {family.name} " in text]


async def test_a_source_that_is_away_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "ANSWER_SECONDS", 0.01)
    metrics = Metrics()

    async def away() -> Iterable[Collected]:
        raise TemporaryFailure("the database is away")

    async def silent() -> Iterable[Collected]:
        await asyncio.Event().wait()
        return ()

    metrics.ask(away)
    metrics.ask(silent)

    assert await Numbers(metrics, Readiness(), metrics.at_hand).text() == ""


async def test_many_who_scrape_at_once_ask_once_until_the_numbers_are_old() -> None:
    clock, asked = [0.0], []
    metrics = Metrics()

    async def source() -> Iterable[Collected]:
        asked.append(clock[0])
        return ()

    metrics.ask(source)
    numbers = Numbers(metrics, Readiness(), metrics.at_hand, lambda: clock[0])

    await asyncio.gather(*(numbers.text() for _ in range(5)))
    for clock[0] in (0.9, 1.0):
        await numbers.text()

    assert asked == [0.0, 1.0]


async def test_the_pages_of_a_process_are_where_the_configuration_says(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    async with (
        a_gateway(tmp_path, settings={"gateway.metrics Listen": listen}) as gateway,
        httpx.AsyncClient(base_url=f"http://{listen}", trust_env=False) as client,
    ):
        async with monitored(gateway, ["receiver"]):
            logging.getLogger("gateway.test").warning("a warning")
            told = [await client.get(path) for path in ("/healthz", "/readyz", "/metrics")]
        with pytest.raises(httpx.ConnectError):
            await client.get("/healthz")

    assert [answer.status_code for answer in told] == [HTTPStatus.OK] * 3
    assert [json.loads(answer.text) for answer in told[:2]] == [{"status": "ok"}] * 2
    assert 'mailwarden_log_lines_total{level="warning"} 1\n' in told[2].text


async def test_a_process_that_drains_lives_and_is_not_ready(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        ready = Readiness(phase=lambda: gateway.lifecycle.phase)
        gateway.lifecycle.stop()

        assert await ready.told() == (HTTPStatus.SERVICE_UNAVAILABLE, {"status": "draining"})
        assert json.loads(await page(gateway, "/healthz")) == {"status": "ok"}


@asynccontextmanager
async def a_scanner_with(clamd: str, folder: Path) -> AsyncIterator[Gateway]:
    settings = {"gateway.engines Engine": "clamd", "gateway.engines ClamdAddress": clamd}
    async with a_gateway(folder, settings=settings) as gateway:
        running = asyncio.create_task(run_scanner(gateway))
        try:
            await until(lambda: "engines" in gateway.readiness.worlds or running.done())
            yield gateway
        finally:
            gateway.lifecycle.stop()
            await running


async def test_a_scanner_whose_clamd_is_away_is_not_ready(tmp_path: Path) -> None:
    async with a_scanner_with(f"127.0.0.1:{free_port()}", tmp_path) as gateway:
        status, told = await gateway.readiness.told()

    assert (status, told) == (
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"status": "not ready", "silent": ["engines"]},
    )


def test_lines_of_the_log_are_counted_by_level() -> None:
    lines = LogLines()
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL, 60):
        record = logging.LogRecord("x", level, "", 0, "", None, None)
        if level >= lines.level:
            lines.handle(record)

    assert lines.counted == {"warning": 1, "error": 1, "critical": 2}


async def test_steps_are_counted_by_what_became_of_the_mail(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        text = await page(gateway, services=Stage)

    assert 'mailwarden_stage_mails_total{stage="sender",result="delivered"} 0\n' in text
