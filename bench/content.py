"""What the content database costs: `python -m bench.content`.

A database of made-up terms and samples is built, loaded, asked and switched, each in a process of its own,
so that memory is that of the database alone. Words are as frequent as in real text (Zipf), in Latin, Cyrillic
and Chinese letters.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil

from gateway.bases.catalogue import BaseSet, Family, describe_file, make_manifest, open_set, write_manifest
from gateway.domain.lessons import LessonChange, Told
from services.antispam.database.building import build_set
from services.antispam.database.database import CATEGORIES, SHIPPED, SOURCES, Database, load_database
from services.antispam.database.motifs import MOTIFS
from services.antispam.database.samples import Sample, gather, write_samples
from services.antispam.learning.features import features_of, pack
from services.antispam.learning.learned import Learned, after
from services.antispam.statistics.model import MODEL

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)

ALPHABETS = {
    "latin": "etaoinshrdlucmfwypvbgk",
    "cyrillic": "оеаинтсрвлкмдпуяыьгзб",
    "chinese": "".join(chr(code) for code in range(0x4E00, 0x5200)),
}

SIZES = (1_000, 5_000, 30_000, 120_000)
"""Characters of the messages."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes texts of one alphabet."""

    vocabulary: Sequence[str]
    weights: Sequence[float]
    gap: str
    dice: random.Random

    def text(self, characters: int) -> str:
        """A text of about so many characters."""
        words = self.dice.choices(self.vocabulary, self.weights, k=characters // 2)
        return self.gap.join(words)[:characters]

    def phrase(self) -> str:
        """Two to four words."""
        return self.gap.join(self.dice.choices(self.vocabulary, k=self.dice.randint(2, 4)))


def writer(alphabet: str, seed: int = 1) -> Writer:
    """A writer with 20,000 words."""
    dice = random.Random(seed)
    letters = ALPHABETS[alphabet]
    longest = 2 if alphabet == "chinese" else 9
    vocabulary = sorted({"".join(dice.choices(letters, k=dice.randint(2, longest))) for _ in range(25_000)})
    dice.shuffle(vocabulary)
    weights = [1 / (place + 10) for place in range(len(vocabulary))]
    return Writer(vocabulary, weights, "" if alphabet == "chinese" else " ", dice)


def make(folder: Path, terms: int, samples: int, made_at: datetime = MADE_AT) -> Path:
    """A set with so many terms and samples."""
    sources, made = folder / "sources", folder / f"made-{made_at:%j}"
    (sources / "terms").mkdir(parents=True, exist_ok=True)
    made.mkdir()
    for name in (CATEGORIES, MOTIFS, MODEL):
        shutil.copyfile(SOURCES / name, sources / name)
    shutil.copytree(SOURCES / "tables", sources / "tables", dirs_exist_ok=True)
    writers = [writer(alphabet) for alphabet in ALPHABETS]
    phrases = {writers[number % len(writers)].phrase() for number in range(terms)}
    lines = (f"0.5\tfraud\t{phrase}\n" for phrase in sorted(phrases) if len(phrase) > 2)
    (sources / "terms" / "made.tsv").write_text("".join(lines), encoding="utf-8")
    build_set(sources, made, made_at)

    numbers = np.random.default_rng(1).integers(0, 1 << 32, (samples, 128), dtype=np.uint32)
    write_samples(made, gather(Sample(f"s{place}", "Fraud", row) for place, row in enumerate(numbers)))
    files = [describe_file(path, terms) for path in sorted(made.iterdir()) if path.suffix != ".json"]
    write_manifest(made, make_manifest(Family.ANTISPAM, made_at, files))
    return made


def start(made: Path) -> tuple[float, float, float]:
    """Seconds of CPU to check and to load a set, and megabytes that it takes."""
    before = _memory()
    checked = _cpu(lambda: open_set(made))
    found = open_set(made)
    loaded = time.process_time()
    database = load_database(found)
    loaded = time.process_time() - loaded
    database.look("warm up the pages", ())
    return checked, loaded, _memory() - before


def look(made: Path, alphabet: str) -> list[float]:
    """Milliseconds of CPU for one look at messages of each of `SIZES`."""
    database = load_database(open_set(made))
    texts = writer(alphabet, seed=2)
    return [_look_ms(database, [texts.text(size) for _ in range(20)]) for size in SIZES]


def switch(first: Path, second: Path) -> tuple[float, float, float]:
    """Seconds of CPU of a switch, megabytes before it, and the most during it."""
    held = [_loaded(first)]
    before = _memory()
    began = time.process_time()
    held.append(_loaded(second))  # both are there for a moment
    took, most = time.process_time() - began, _memory()
    del held[0]
    return took, before, most


def lessons(count: int) -> tuple[float, float, float]:
    """Seconds to take so many lessons up, milliseconds of a look at 30 KB, and megabytes."""
    texts = writer("latin", seed=3)
    changes = [
        LessonChange(
            number,
            f"{number:032x}",
            Told.SPAM if number % 2 else Told.GOOD,
            pack(features_of(texts.text(3000).split())),
        )
        for number in range(1, count + 1)
    ]
    before, began = _memory(), time.process_time()
    learned, _ = after(Learned(), changes)
    took = time.process_time() - began
    database = load_database(open_set(SHIPPED))
    known = database.look(texts.text(30_000), ())
    asked = [_cpu(lambda: learned.look(known.tokens, known.numbers)) for _ in range(20)]
    return took, statistics.median(asked) * 1000, _memory() - before


def _loaded(made: Path) -> Database:
    found: BaseSet = open_set(made)
    return load_database(found)


def _look_ms(database: Database, texts: Sequence[str]) -> float:
    return statistics.median(_cpu(lambda text=text: database.look(text, ("hello",))) for text in texts) * 1000  # type: ignore[misc]


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _memory() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="bench.content", description=__doc__.partition("\n")[0])
    parser.add_argument("--terms", type=int, default=30_000)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--lessons", type=int, default=10_000)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, _processes() as alone:
        first = make(Path(folder), options.terms, options.samples)
        second = make(Path(folder), options.terms, options.samples, MADE_AT + timedelta(days=1))
        checked, loaded, memory = alone.submit(start, first).result()
        print(f"{options.terms} terms, {options.samples} samples")
        print(f"start: {checked:.2f} s to check the files, {loaded:.2f} s to load, {memory:.0f} MB")
        took, before, most = alone.submit(switch, first, second).result()
        print(f"switch: {took:.2f} s, process {before:.0f} MB before and {most:.0f} MB at most")
        print(f"{'look, ms CPU':14}" + "".join(f"{size:>10}" for size in SIZES) + "  characters")
        for alphabet in ALPHABETS:
            row = alone.submit(look, first, alphabet).result()
            print(f"{alphabet:14}" + "".join(f"{cost:10.2f}" for cost in row))
        took, asked, memory = alone.submit(lessons, options.lessons).result()
        print(f"{options.lessons} lessons: {took:.2f} s to take up, {asked:.2f} ms a look, {memory:.0f} MB")
    return 0


def _processes() -> ProcessPoolExecutor:
    """A process for each thing that is measured."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)


if __name__ == "__main__":
    sys.exit(main())
