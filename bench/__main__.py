"""Measure the whole way of a message: `python -m bench`, or `make bench`.

A round sends a number of messages through one chain and counts from the first byte sent to the last
message arrived. The figures of a chain are medians over the rounds; chains take turns, since machines
are noisy, and only ratios of one sitting count.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench.chains import CHAINS, Chain
from bench.load import Load, Sink, send
from bench.messages import KINDS

ARRIVAL_SECONDS = 180.0
COUNTS = {"small": 2000, "typical": 1500, "large": 150, "mix": 800}
UNLOADED = 60
UNLOADED_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Round:
    """What one round gave."""

    per_second: float
    cpu_ms: dict[str, float]  # per message, by part
    latencies_ms: Sequence[float]


def main() -> int:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--chains", nargs="+", choices=CHAINS, default=["embedded", "pipeline", "postfix"])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["small", "typical", "large", "mix"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--scale", type=float, default=1.0, help="factor for the number of messages")
    options = parser.parse_args()

    for kind in options.kinds:
        load = Load(kind, max(8, int(COUNTS[kind] * options.scale)), options.sessions)
        measured = _measure(options.chains, load, options.rounds)
        print(_table(kind, load, measured), flush=True)
    return 0


def _measure(chains: Sequence[str], load: Load, rounds: int) -> dict[str, tuple[list[Round], Round, float]]:
    warm = Load(load.kind, 8 * load.sessions, load.sessions)
    unloaded = Load(load.kind, UNLOADED, 1, UNLOADED_PAUSE, first=warm.count + rounds * load.count)
    with ExitStack() as stack:
        sink = Sink()
        stack.callback(sink.close)
        opened: dict[str, Chain] = {}
        for name in chains:
            _say(f"{load.kind}: starting {name}")
            opened[name] = stack.enter_context(CHAINS[name](sink.port))
            _round(opened[name], sink, warm)
        loaded: dict[str, list[Round]] = {name: [] for name in chains}
        for number in range(rounds):
            for name, chain in opened.items():
                _say(f"{load.kind}: round {number + 1} of {rounds}, {name}")
                fresh = replace(load, first=warm.count + number * load.count)
                loaded[name].append(_round(chain, sink, fresh))
        return {
            name: (loaded[name], _round(chain, sink, unloaded), chain.memory_bytes() / 2**20)
            for name, chain in opened.items()
        }


def _round(chain: Chain, sink: Sink, load: Load) -> Round:
    sink.reset()
    before = chain.cpu_seconds()
    sent = send(chain.port, load)
    arrived = _all_arrived(sink, load.count)
    time.sleep(1.0)  # what is written behind belongs to the cost
    after = chain.cpu_seconds()
    return Round(
        per_second=load.count / (max(arrived.values()) - min(sent.begun.values())),
        cpu_ms={part: 1000 * (after[part] - before.get(part, 0.0)) / load.count for part in after},
        latencies_ms=sorted(1000 * (arrived[number] - begun) for number, begun in sent.begun.items()),
    )


def _all_arrived(sink: Sink, count: int) -> dict[int, float]:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while len(arrived := sink.arrived()) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {len(arrived)} of {count} messages arrived in {ARRIVAL_SECONDS:.0f} s")
        time.sleep(0.05)
    return arrived


def _table(kind: str, load: Load, measured: dict[str, tuple[list[Round], Round, float]]) -> str:
    lines = [
        f"\n{kind}: {load.count} messages a round, {load.sessions} sessions",
        f"{'chain':10} {'msg/s':>8} {'of postfix':>10} {'CPU ms':>8} {'p50 ms':>8} {'p95 ms':>8} {'MB':>6}"
        "   CPU ms per message by part",
    ]
    speed = {
        name: statistics.median(each.per_second for each in rounds)
        for name, (rounds, _, _) in measured.items()
    }
    for name, (rounds, unloaded, memory) in measured.items():
        middle = sorted(rounds, key=lambda each: sum(each.cpu_ms.values()))[len(rounds) // 2]
        share = f"{speed[name] / speed['postfix']:.2f}" if "postfix" in speed else "-"
        parts = ", ".join(
            f"{part} {cost:.2f}" for part, cost in sorted(middle.cpu_ms.items()) if cost >= 0.01
        )
        p50, p95 = (unloaded.latencies_ms[int(len(unloaded.latencies_ms) * point)] for point in (0.5, 0.95))
        lines.append(
            f"{name:10} {speed[name]:8.1f} {share:>10} {sum(middle.cpu_ms.values()):8.2f} {p50:8.1f}"
            f" {p95:8.1f} {memory:6.0f}   {parts}"
        )
    return "\n".join(lines)


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
