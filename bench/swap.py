"""What it costs to take over new databases while mail is scanned: `python -m bench.swap`.

One process judges small samples without end, as a scanner does, while it is switched from one large set of
databases to another. Told are the time until the new set is in use, the longest time in which nothing was
judged, and the memory before, at most, and after.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from gateway.bases import shelf
from gateway.bases.library import Library
from services.scanner.engines.port import NeedsIsolation, Sample
from services.scanner.engines.signatures import SignatureEngine
from services.scanner.signatures.building import build_set
from services.scanner.signatures.signatures import Signatures, load_signatures

MB = 1 << 20
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
SAMPLE = Sample(b"a message of an ordinary day\r\n" * 170, "letter.txt")


@dataclass(frozen=True)
class Memory:
    """Of this process, in MB."""

    now: float
    most: float  # since it was asked for last

    @classmethod
    def look(cls) -> Memory:
        """What it is now; the most is counted anew from here on."""
        said = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        now, most = (int(said[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
        Path("/proc/self/clear_refs").write_text("5")
        return cls(now, most)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.swap", description=__doc__.partition("\n")[0])
    parser.add_argument("--rules", type=int, nargs="+", default=[15, 3000])
    parser.add_argument("--digests", type=int, default=300_000)
    parser.add_argument("--swaps", type=int, default=3)
    options = parser.parse_args()
    columns = ("in use after s", "longest gap ms", "usual gap ms", "MB before", "MB at most", "MB after")
    print(f"{'rules':>6} {'digests':>9} " + "".join(f"{column:>15}" for column in columns))
    for rules in options.rules:
        with tempfile.TemporaryDirectory(prefix="mailwarden-bench-") as folder:
            uvloop.run(_measure(Path(folder), rules, options.digests, options.swaps))
    return 0


async def _measure(folder: Path, rules: int, digests: int, swaps: int) -> None:
    place = folder / "av"
    versions = [_build(folder, place, number, rules, digests) for number in range(2)]
    shelf.switch(place, versions[0])
    library = Library(place, Path("/nonexistent"), load_signatures)
    await library.open()
    gaps: list[float] = []
    judging = asyncio.create_task(_judge(gaps, library))
    await asyncio.sleep(1)
    gc.collect()
    before, usual = Memory.look(), max(gaps)
    took, gap, most = 0.0, 0.0, 0.0
    for swap in range(swaps):
        gaps.clear()
        shelf.switch(place, versions[(swap + 1) % 2])
        began = time.monotonic()
        assert await library.look()
        took = max(took, time.monotonic() - began)
        await asyncio.sleep(0.5)
        gap, most = max([gap, *gaps]), max(most, Memory.look().most)
    gc.collect()
    after = Memory.look()
    judging.cancel()
    figures = (took, 1000 * gap, 1000 * usual, before.now, most, after.now)
    print(f"{rules:6} {digests:9} " + "".join(f"{figure:15.1f}" for figure in figures), flush=True)


async def _judge(gaps: list[float], library: Library[Signatures]) -> None:
    """Judge samples, and note the time between the ends of two."""
    engine, last = SignatureEngine(library), time.monotonic()
    while True:
        with suppress(NeedsIsolation):  # a machine so busy that a second is too little
            engine.at_hand.judge(SAMPLE)
        now = time.monotonic()
        gaps.append(now - last)
        last = now
        await asyncio.sleep(0)


def _build(folder: Path, place: Path, number: int, rules: int, digests: int) -> str:
    sources, made = folder / f"sources-{number}", place / f".made-{number}"
    sources.mkdir(parents=True)
    made.mkdir(parents=True)
    dice = random.Random(number)
    (sources / "rules.yar").write_text(
        "".join(
            f'rule r{one} {{ meta: threat = "Worm.{one}" status = "infected" '
            f'strings: $a = "{dice.randbytes(12).hex()}" $b = {{ {dice.randbytes(9).hex(" ")} }} '
            "condition: any of them }\n"
            for one in range(rules)
        )
    )
    with (sources / "digests.sha256").open("w") as file:
        file.writelines(f"{dice.randbytes(32).hex()} Worm.{one % 1000}\n" for one in range(digests))
    manifest = build_set(sources, made, MOMENT + timedelta(days=number))
    shelf.put(place, made)
    return manifest.version


if __name__ == "__main__":
    raise SystemExit(main())
