"""Messages that are looked at as the scanner does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.blobs.memory import MemoryBlobs
from gateway.domain.mail import BodyRef
from gateway.runtime.confinement import Bounds
from gateway.runtime.isolation import IsolationPool
from services.scanner.engines.panel import Panel
from services.scanner.engines.port import LocalEngine, RemoteEngine
from services.scanner.ichecker import IChecker
from services.scanner.judging import Rules
from services.scanner.look import Means
from services.scanner.looking import LARGE, Body, Examiner


class SlowBlobs(MemoryBlobs):
    """Lets others go on while it reads, and counts how often it does."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def read(self, body: BodyRef) -> bytes:
        self.reads += 1
        await asyncio.sleep(0)
        return await super().read(body)

    def body(self, message: bytes, digest: str = "0") -> Body:
        reference = BodyRef(f"{digest}-a", len(message))
        self.store(reference.name, message)
        return Body(self, reference)


@asynccontextmanager
async def an_examiner(
    *local: LocalEngine,
    remote: Sequence[RemoteEngine] = (),
    rules: Rules | None = None,
    ichecker: Path | None = None,
    large: int = LARGE,
    timeout: float = 20.0,
    bounds: Bounds | None = None,
) -> AsyncIterator[Examiner]:
    """An examiner with these engines; with an `ichecker`, it remembers there."""
    pool = IsolationPool(processes=1, bounds=bounds, preload=("tests.support.hostile",))
    table = IChecker.open(ichecker, 1024) if ichecker else None
    try:
        means = Means(Panel(local, remote), pool, rules or Rules(), timeout, table)
        yield Examiner(means, large=large)
    finally:
        await pool.close()
        if table:
            table.close()
