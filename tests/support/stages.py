"""A gateway without processes: memory bus and bodies, records in a file, and one stage that runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.blobs.memory import MemoryBlobs
from gateway.bus.memory import MemoryBus
from gateway.config.load import load_settings
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Outcome, Stage
from gateway.records.sqlite import open_sqlite
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.readiness import Readiness, worlds_of
from gateway.runtime.serve import serve
from gateway.runtime.wiring import Gateway
from gateway.storages.memory import MemoryPlace
from gateway.storages.storages import Storages
from tests.support.gateway import SHIPPED_CONFIG, make_site
from tests.support.licences import licensed

WAIT_SECONDS = 10.0


@asynccontextmanager
async def a_gateway(
    folder: Path,
    bus: MemoryBus | None = None,
    *,
    next_hop_port: int = 1,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Gateway]:
    """All that a service works with, in this process; `settings` as for `make_site`."""
    site = make_site(folder, next_hop_port=next_hop_port, settings=settings)
    records = await open_sqlite(folder / "records.sqlite")
    bus, blobs = bus or MemoryBus(), MemoryBlobs()
    try:
        yield Gateway(
            load_settings(SHIPPED_CONFIG, site.environment),
            bus,
            blobs,
            records,
            Storages(MemoryPlace(), blobs, records),
            Lifecycle(Heartbeat(None)),
            licensed(),
            readiness=Readiness(worlds_of(bus, blobs, records)),
        )
    finally:
        await records.close()


@dataclass
class ScriptedWorker:
    """Says of each mail what a function says, and remembers what it was asked."""

    answer: Callable[[Mail], Outcome]
    asked: list[str] = field(default_factory=list)

    async def handle(self, mail: Mail) -> Outcome:
        self.asked.append(mail.id)
        return self.answer(mail)


@asynccontextmanager
async def stage_running(stage: Stage, worker: ScriptedWorker, gateway: Gateway) -> AsyncIterator[None]:
    """The stage serves until the block is left; then it has stopped as a process does."""
    serving = asyncio.create_task(serve(stage, worker, gateway))
    try:
        yield
    finally:
        gateway.lifecycle.stop()
        await asyncio.wait_for(serving, WAIT_SECONDS)


async def next_mail(gateway: Gateway, stage: Stage) -> Mail:
    """The next mail for a stage, taken and done."""
    async with asyncio.timeout(WAIT_SECONDS), gateway.bus.consume(stage, 1) as deliveries:
        async for delivery in deliveries:
            await delivery.done()
            return delivery.mail
    raise AssertionError(f"no mail for the {stage}")


async def state_becomes(gateway: Gateway, mail_id: str, state: str) -> None:
    """Return when the records show that state."""
    async with asyncio.timeout(WAIT_SECONDS):
        while (record := await gateway.records.mail(mail_id)) is None or record.state != state:
            await asyncio.sleep(0.01)
