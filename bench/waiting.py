"""Mail that waits for its next try: what it costs while it waits.

`python -m bench.waiting` measures a sender that consumes an empty queue, fills its waiting room with 100,000
mails of 1 KB, and measures again: on the embedded bus, and on RabbitMQ.
`python -m bench.waiting 20000 embedded` does less, and on one of them alone.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import uvloop

from bench.chains import BROKER
from gateway.bus.embedded import EmbeddedBus
from gateway.bus.port import Bus
from gateway.bus.rabbitmq import RabbitBus
from gateway.domain.mail import BodyRef
from gateway.domain.pipeline import Stage
from gateway.runtime.ids import new_id
from tests.support.mails import a_mail
from tests.support.rabbitmq import PrivateBroker

MAILS = 100_000
AT_ONCE = 500
WATCH_SECONDS = 10.0
BODY = b"Subject: bench\r\n\r\n" + b"The quick brown fox jumps over the lazy dog.\r\n" * 20
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Used:
    """What a process takes."""

    cpu: float  # seconds of CPU in a second
    memory: int  # bytes


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MAILS
    buses = sys.argv[2:] or ["embedded", "rabbitmq"]
    print(f"{'bus':<10}{'process':<10}{'waiting':>9}{'CPU % of a core':>17}{'memory MB':>11}")
    for name in buses:
        uvloop.run(_measure(name, count))


async def _measure(name: str, count: int) -> None:
    async with _embedded() if name == "embedded" else _rabbitmq() as bus, bus.consume(Stage.SENDER, 64):
        await _print(name, 0)
        begun = time.monotonic()
        waiting = iter(range(count))
        await asyncio.gather(*(_fill(bus, waiting) for _ in range(AT_ONCE)))
        print(f"{name:<10}filled in {time.monotonic() - begun:.0f} s", flush=True)
        await _print(name, count)


async def _print(name: str, waiting: int) -> None:
    gc.collect()
    for process, used in (await _used(name)).items():
        print(
            f"{name:<10}{process:<10}{waiting:>9}{used.cpu * 100:>17.1f}{used.memory / 2**20:>11.0f}",
            flush=True,
        )


async def _used(name: str) -> dict[str, Used]:
    processes = {"gateway": psutil.Process()}
    if name == "rabbitmq":
        children = psutil.Process().children(recursive=True)
        processes["broker"] = next(child for child in children if child.name() == BROKER)
    before = {part: _cpu_seconds(process) for part, process in processes.items()}
    await asyncio.sleep(WATCH_SECONDS)
    return {
        part: Used((_cpu_seconds(process) - before[part]) / WATCH_SECONDS, process.memory_full_info().pss)
        for part, process in processes.items()
    }


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def _fill(bus: Bus, waiting: Iterator[int]) -> None:
    for _ in waiting:
        mail_id = new_id()
        body = BodyRef(f"{'0' * 64}-{mail_id}", len(BODY), carried=BODY)
        await bus.defer(Stage.SENDER, a_mail(mail_id, body=body), HOUR)


@asynccontextmanager
async def _embedded() -> AsyncIterator[Bus]:
    with TemporaryDirectory(prefix="mailwarden-bench-") as folder:
        bus = await EmbeddedBus.open(Path(folder, "bus.sqlite"))
        try:
            yield bus
        finally:
            await bus.close()


@asynccontextmanager
async def _rabbitmq() -> AsyncIterator[Bus]:
    with PrivateBroker() as broker:
        bus = await RabbitBus.open(broker.url)
        try:
            yield bus
        finally:
            await bus.close()


if __name__ == "__main__":
    main()
