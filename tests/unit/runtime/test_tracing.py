from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.config.load import load_settings
from gateway.domain.errors import ConfigError
from gateway.domain.journey import Ended, Ending, Parked
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Finished, Later, Onward, Outcome, Stage
from gateway.runtime.otlp import OtlpTracer
from gateway.runtime.tracing import Span, begin_step, carried_on, open_tracer
from tests.support.collector import Collector
from tests.support.gateway import PROJECT, SHIPPED_CONFIG, make_site
from tests.support.mails import NOON, a_mail
from tests.support.ports import free_port
from tests.support.stages import ScriptedWorker, a_gateway, next_mail, stage_running
from tests.support.waiting import until

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACED = a_mail(trace=TRACE)


@dataclass
class Told:
    """A span that remembers how it ended."""

    trace: str
    results: list[tuple[str, str]] = field(default_factory=list)

    def end(self, result: str, *, fault: str = "") -> None:
        self.results.append((result, fault))


@dataclass
class Telling:
    """A tracer that remembers what began."""

    begun: list[tuple[str, str, str]] = field(default_factory=list)
    span: Told = field(default_factory=lambda: Told("next"))

    def begin(self, name: str, mail_id: str, trace: str = "") -> Span:
        self.begun.append((name, mail_id, trace))
        return self.span

    async def close(self) -> None:
        pass


def test_mail_that_is_not_traced_makes_no_step_of_a_trace() -> None:
    tracer = Telling()

    assert begin_step(tracer, Stage.SENDER, a_mail()) is None
    assert begin_step(None, Stage.SENDER, TRACED) is None
    assert tracer.begun == []


def test_all_mail_that_goes_on_from_a_step_is_in_its_trace() -> None:
    notice = a_mail("NoticeXX00001")
    events = (Ended(TRACED.id, NOON, Ending.BLOCKED),)

    assert carried_on(Onward(TRACED, created=(notice,)), "next") == Onward(
        replace(TRACED, trace="next"), created=(replace(notice, trace="next"),)
    )
    assert carried_on(Later(TRACED, timedelta(1), "busy"), "next").mail.trace == "next"
    assert carried_on(Finished(events, (notice,)), "next") == Finished(
        events, (replace(notice, trace="next"),)
    )
    parked = Parked(TRACED.id, NOON, "sender", "fault")
    assert carried_on(parked, "next") is parked


@pytest.mark.parametrize(
    ("answer", "result", "fault"),
    [
        (lambda mail: Onward(mail), "onward", ""),
        (lambda mail: Finished((Ended(mail.id, NOON, Ending.BLOCKED),)), "blocked", ""),
        (lambda _: 1 // 0, "parked", "ZeroDivisionError: integer division or modulo by zero"),
    ],
)
async def test_a_step_is_told_with_its_result(
    tmp_path: Path, answer: object, result: str, fault: str
) -> None:
    tracer = Telling()
    async with a_gateway(tmp_path) as gateway:
        traced = replace(gateway, tracer=tracer)
        async with stage_running(Stage.SCANNER, ScriptedWorker(answer), traced):  # type: ignore[arg-type]
            await gateway.bus.publish(Stage.SCANNER, [TRACED])
            await until(lambda: bool(tracer.span.results))

    assert tracer.begun == [("scanner", TRACED.id, TRACE)]
    assert tracer.span.results == [(result, fault)]


async def test_the_next_stage_goes_on_from_the_step_before(tmp_path: Path) -> None:
    def onward(mail: Mail) -> Outcome:
        return Onward(mail)

    async with a_gateway(tmp_path) as gateway:
        traced = replace(gateway, tracer=Telling())
        await gateway.bus.publish(Stage.ANTISPAM, [TRACED])
        async with stage_running(Stage.ANTISPAM, ScriptedWorker(onward), traced):
            passed = await next_mail(gateway, Stage.SCANNER)

    assert passed.trace == "next"


async def test_a_share_of_nothing_is_told_to_nobody() -> None:
    with Collector() as collector:
        tracer = OtlpTracer(collector.url, "gw.example", share=0.0)
        span = tracer.begin("receiver", "m1")
        carried = span.trace
        span.end("250")
        await tracer.close()

    assert carried == ""
    assert collector.spans == []


async def test_a_collector_that_is_away_stops_nobody() -> None:
    tracer = OtlpTracer(f"http://127.0.0.1:{free_port()}", "gw.example", share=1.0)
    span = tracer.begin("sender", "m1", TRACE)
    carried = span.trace
    span.end("delivered")
    await tracer.close()

    assert carried.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert carried != TRACE


def test_without_an_endpoint_nothing_is_traced_and_no_library_is_imported() -> None:
    code = (
        "import sys, cli.everything\n"
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry.sdk',"
        " 'opentelemetry.exporter', 'google.protobuf'))]\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT, timeout=120)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(tmp_path, next_hop_port=1, settings={"gateway.traces Endpoint": "http://c.example:4318"})
    settings = load_settings(SHIPPED_CONFIG, site.environment)
    monkeypatch.delitem(sys.modules, "gateway.runtime.otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(ConfigError, match=r"\[gateway.traces\] Endpoint: opentelemetry.* extra `traces`"):
        open_tracer(settings)
