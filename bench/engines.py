"""What engines cost the scanner: `python -m bench.engines`.

The messages of the benchmark are looked at as the scanner does it, with one engine more in each row. Each
message comes once as a stranger, and once more with iChecker knowing all its parts. CPU is that of this
process and of the isolation pool; that of clamd stands beside it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop

from bench.messages import KINDS, message
from gateway.bases.library import Library
from gateway.blobs.memory import MemoryBlobs
from gateway.domain.mail import BodyRef
from gateway.runtime.isolation import IsolationPool
from gateway.runtime.outages import Outages
from services.scanner.engines.clamd import ClamdEngine
from services.scanner.engines.panel import Panel
from services.scanner.engines.port import LocalEngine, RemoteEngine
from services.scanner.engines.signatures import SignatureEngine
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.ichecker import IChecker
from services.scanner.judging import Rules
from services.scanner.look import Means
from services.scanner.looking import Body, Examiner
from services.scanner.signatures.signatures import SHIPPED, load_signatures
from tests.support.clamd import PrivateClamd
from tests.support.records import MemoryOutages

SECONDS = 60.0
"""For one scan: nothing here needs so long."""


@dataclass(frozen=True, slots=True)
class Engines:
    """A row of the table."""

    name: str
    local: Sequence[LocalEngine]
    remote: Sequence[RemoteEngine] = ()


class DatedClamd(ClamdEngine):
    """A clamd whose version tells all that it knows, as it does with ClamAV's own databases."""

    def _edition_of(self, version: str) -> str:
        return version


def main() -> int:
    """Print a table for each kind of message."""
    parser = argparse.ArgumentParser(prog="bench.engines", description=__doc__.partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    uvloop.run(_run(options.kinds, options.messages, options.rounds))
    return 0


async def _run(kinds: Sequence[str], count: int, rounds: int) -> None:
    async with AsyncExitStack() as stack:
        clamd = stack.enter_context(PrivateClamd())
        library = Library(Path("/nonexistent"), SHIPPED, load_signatures)
        await library.open()
        asking = DatedClamd(
            clamd.address,
            sessions=10,
            timeout=SECONDS,
            official_only=True,
            outages=Outages(MemoryOutages(), "bench"),
        )
        stack.callback(asking.close)
        testfile, signatures = StandardTestFile(), SignatureEngine(library)
        rows = (
            Engines("none", ()),
            Engines("testfile", (testfile,)),
            Engines("testfile, signatures", (testfile, signatures)),
            Engines("testfile, signatures, clamd", (testfile, signatures), (asking,)),
        )
        for kind in kinds:
            heading = "".join(f"{column:>10}" for column in ("stranger", "known", "clamd"))
            print(f"\n{kind}: {count} messages, CPU ms each\n{'engines':32}{heading}")
            for row in rows:
                measured = [await _measure(row, kind, count, clamd.cpu_seconds) for _ in range(rounds)]
                figures = [1000 * statistics.median(column) / count for column in zip(*measured, strict=True)]
                print(f"{row.name:32}" + "".join(f"{figure:10.2f}" for figure in figures), flush=True)


async def _measure(
    engines: Engines, kind: str, count: int, clamd_seconds: Callable[[], float]
) -> tuple[float, float, float]:
    """Seconds for all messages as strangers, once more as known ones, and those of clamd for the first."""
    with tempfile.TemporaryDirectory(prefix="mailwarden-bench-") as folder:
        pool = IsolationPool(
            processes=2, preload=("services.scanner.examination", SignatureEngine.__module__)
        )
        ichecker = IChecker.open(Path(folder, "ichecker"), 1 << 20)
        means = Means(Panel(engines.local, engines.remote), pool, Rules(), SECONDS, ichecker)
        blobs = MemoryBlobs()
        messages = [message(number, kind) for number in range(count)]
        bodies = [_stored(blobs, f"{number}-a", content) for number, content in enumerate(messages)]
        try:
            await _examine(Examiner(means), _stored(blobs, "warm-a", message(count, "large")))
            before, clamd_before = _cpu_seconds(), clamd_seconds()
            for body in bodies:
                await _examine(Examiner(means), body)
            between, clamd_after = _cpu_seconds(), clamd_seconds()
            for body in bodies:
                await _examine(Examiner(means), body)
            return between - before, _cpu_seconds() - between, clamd_after - clamd_before
        finally:
            await pool.close()
            ichecker.close()


def _stored(blobs: MemoryBlobs, name: str, content: bytes) -> tuple[MemoryBlobs, BodyRef]:
    blobs.store(name, content)
    return blobs, BodyRef(name, len(content))


async def _examine(examiner: Examiner, stored: tuple[MemoryBlobs, BodyRef]) -> None:
    await examiner.examine(Body(*stored))


def _cpu_seconds() -> float:
    """Of this process, and of the pool's process that it has."""
    children = psutil.Process().children()
    pool = (child.cpu_times() for child in children if child.name().startswith("python"))
    return time.process_time() + sum(times.user + times.system for times in pool)


if __name__ == "__main__":
    sys.exit(main())
