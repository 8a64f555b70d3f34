"""`python -m bench.accuracy`: the spam caught and the good mail flagged, of mail that was not learnt from.

Each source of a labelled corpus is judged by what was learnt without it; sources that must not be learnt
from are judged by what was learnt from all others, and each half of the written texts by what was learnt
without that half. Weights and thresholds are those that ship.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.maker.model import NOT_TO_BE_LEARNT
from gateway.domain.journey import Finding
from gateway.domain.policy import Degree, SpamStatus
from services.antispam.scoring import status_of, weigh
from services.antispam.statistics.corpus import (
    Examined,
    NoCorpus,
    corpus_in,
    examine_all,
    is_written,
    written_mail,
)
from services.antispam.statistics.model import Model
from services.antispam.statistics.training import train, train_words
from services.antispam.statistics.words import Words

CORPUS = Path("../shared/corpus")
CACHE = Path(tempfile.gettempdir()) / "mailwarden-accuracy"

WORST_TOLD = 12
"""Findings that are named for weighing most on good mail."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One message and what became of it, by degree."""

    message: Examined
    statuses: dict[Degree, SpamStatus]
    findings: tuple[Finding, ...]  # weighed, by the degree `standard`


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder with manifest.tsv and archives")
    parser.add_argument("--unpacked", type=Path, default=CACHE, help="where its archives are unpacked")
    parser.add_argument("--processes", type=int, help="instead of one for each core")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        messages = [*corpus_in(options.corpus, options.unpacked), *written_mail()]
    except NoCorpus as problem:
        sys.exit(str(problem))
    _progress(started, f"{len(messages)} messages are read and checked")
    examined = examine_all(messages, options.processes)
    judged = list(_cross_validated(examined, started))
    print(_table(judged))
    print(_worst(judged))


def _cross_validated(examined: Sequence[Examined], started: float) -> Iterable[Judged]:
    """All messages, each judged by what was learnt from other sources."""
    by_part = defaultdict(list)
    for message in examined:
        by_part[_part(message)].append(message)
    learnt = [message for message in examined if not message.source.startswith(NOT_TO_BE_LEARNT)]
    for part, held_out in by_part.items():
        _progress(started, f"what can be learnt without {part} is learnt")
        others = [message for message in learnt if _part(message) != part]
        model, words = train(others), train_words(others)
        yield from (_judged(message, model, words) for message in held_out)


def _part(message: Examined) -> str:
    """What is left out together: a corpus, whose parts are of one kind, or half of the written texts."""
    if is_written(message.source):
        return f"half {zlib.crc32(message.origin.encode()) % 2 + 1} of the written texts"
    return message.origin


def _judged(message: Examined, model: Model, words: Words) -> Judged:
    wording, learnt = words.judge(message.words), model.judge(message.features)
    findings = (
        *message.findings,
        *([Finding("words", "", wording.score)] if wording else ()),
        *([learnt] if learnt else ()),
    )
    weighed = {degree: weigh(findings, degree) for degree in Degree}
    statuses = {degree: status_of(weighed[degree], degree) for degree in Degree}
    return Judged(message, statuses, weighed[Degree.STANDARD])


def _table(judged: Sequence[Judged]) -> str:
    lines = [
        "| mail | source | messages | "
        + " | ".join(f"{degree}: Spam | or Probable" for degree in Degree)
        + " |"
    ]
    lines.append("|---|---|---|" + "---|---|" * len(Degree))
    for good in (True, False):
        label = "good" if good else "spam"
        by_source = defaultdict(list)
        for one in judged:
            if one.message.good is good:
                by_source[one.message.source].append(one)
        real = {source: of for source, of in sorted(by_source.items()) if not is_written(source)}
        written = {source: of for source, of in by_source.items() if is_written(source)}
        lines += [_row(label, source, len(of), _shares(of)) for source, of in real.items()]
        lines.append(_mean(f"**{label}**", "**mean over the sources above**", real.values()))
        lines.append(_mean(label, f"written, mean of {len(written)} languages", written.values()))
    return "\n".join(lines)


def _mean(label: str, name: str, sources: Collection[Sequence[Judged]]) -> str:
    shares = [_shares(of) for of in sources]
    means = [sum(column) / len(column) for column in zip(*shares, strict=True)]
    return _row(label, name, sum(map(len, sources)), means)


def _shares(of: Sequence[Judged]) -> list[float]:
    return [_share(of, degree, probable) for degree in Degree for probable in (False, True)]


def _share(of: Sequence[Judged], degree: Degree, probable: bool) -> float:
    wanted = {SpamStatus.SPAM, SpamStatus.PROBABLE} if probable else {SpamStatus.SPAM}
    return 100.0 * sum(one.statuses[degree] in wanted for one in of) / len(of)


def _row(label: str, source: str, count: int, rates: Iterable[float]) -> str:
    return f"| {label} | {source} | {count} | " + " | ".join(f"{rate:.2f}" for rate in rates) + " |"


def _worst(judged: Sequence[Judged]) -> str:
    """The findings that weigh most on good mail which is flagged at `standard`."""
    flagged = [
        one
        for one in judged
        if one.message.good and one.statuses[Degree.STANDARD] is not SpamStatus.NOT_DETECTED
    ]
    points: Counter[str] = Counter()
    for one in flagged:
        points.update(
            {finding.check: round(100 * finding.score) for finding in one.findings if finding.score > 0}
        )
    told = (f"  {check}: {hundredths / 100:.1f}" for check, hundredths in points.most_common(WORST_TOLD))
    return "\n".join(
        [f"\nWhat weighs most on the {len(flagged)} good messages that are flagged at standard:", *told]
    )


def _progress(started: float, text: str) -> None:
    print(f"{time.monotonic() - started:5.0f} s  {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
