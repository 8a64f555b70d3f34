from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.bus.memory import MemoryBus
from gateway.domain.errors import TemporaryFailure
from gateway.domain.mail import BodyRef
from gateway.domain.pipeline import Stage
from gateway.runtime import readiness
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.lifecycle import Lifecycle, Phase
from gateway.runtime.readiness import Readiness, troubles, worlds_of
from tests.support.records import ReadRecords


class SilentBus(MemoryBus):
    async def depth(self) -> Mapping[Stage, int]:
        await asyncio.Event().wait()
        return {}


class AwayBlobs(MemoryBlobs):
    async def read(self, body: BodyRef) -> bytes:
        raise TemporaryFailure("the directory is away")


async def away() -> None:
    raise TemporaryFailure("clamd cannot be asked: connection refused")


async def test_a_gateway_whose_worlds_answer_has_no_troubles() -> None:
    assert await troubles(worlds_of(MemoryBus(), MemoryBlobs(), ReadRecords())) == {}


async def test_each_world_that_does_not_answer_is_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "ANSWER_SECONDS", 0.01)

    found = await troubles(worlds_of(SilentBus(), AwayBlobs(), ReadRecords(away=True)))

    assert list(found) == ["bus", "blobs", "records"]
    assert found["bus"] == "no answer within 0.01 s"
    assert found["blobs"] == "the directory is away"


async def test_a_service_adds_what_it_needs_besides() -> None:
    ready = Readiness(worlds_of(MemoryBus(), MemoryBlobs(), ReadRecords()))
    ready.watch("engines", away)

    assert ready.worlds == ("bus", "blobs", "records", "engines")
    assert await ready.told() == (
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"status": "not ready", "silent": ["engines"]},
    )


async def test_a_process_is_ready_when_all_its_services_are_until_it_is_told_to_stop() -> None:
    lifecycle = Lifecycle(Heartbeat(None))
    ready = Readiness(phase=lambda: lifecycle.phase)
    lifecycle.expect(["receiver", "sender"])
    told = [await ready.told()]

    lifecycle.ready("receiver")
    told.append(await ready.told())
    lifecycle.ready("sender")
    told.append(await ready.told())
    lifecycle.stop()
    told.append(await ready.told())

    assert told == [
        (HTTPStatus.SERVICE_UNAVAILABLE, {"status": Phase.STARTING}),
        (HTTPStatus.SERVICE_UNAVAILABLE, {"status": Phase.STARTING}),
        (HTTPStatus.OK, {"status": "ok"}),
        (HTTPStatus.SERVICE_UNAVAILABLE, {"status": Phase.DRAINING}),
    ]


async def test_many_who_ask_at_once_are_one_question_until_the_answer_is_old() -> None:
    clock = [0.0]
    records = ReadRecords()
    ready = Readiness(worlds_of(MemoryBus(), MemoryBlobs(), records), clock=lambda: clock[0])

    await asyncio.gather(*(ready.troubles() for _ in range(10)))
    clock[0] = 0.9
    await ready.troubles()
    asked = records.asked
    clock[0] = 1.0
    await ready.troubles()

    assert (asked, records.asked) == (1, 2)


async def test_a_trouble_is_logged_when_it_comes_and_not_each_time(caplog: pytest.LogCaptureFixture) -> None:
    clock = [0.0]
    ready = Readiness({"engines": away}, clock=lambda: clock[0])

    with caplog.at_level(logging.WARNING):
        for clock[0] in (0.0, 10.0, 20.0):
            await ready.troubles()

    assert caplog.messages == ["not ready: engines: clamd cannot be asked: connection refused"]
