"""`python -m bench.accuracy`: the spam caught and the good mail flagged, of mail that was not learnt from.

Each source of a labelled corpus is judged by a model that was trained without it; sources that must not be
learnt from are judged by the model of all others. Weights and thresholds are those that ship.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.maker.model import NOT_TO_BE_LEARNT
from gateway.domain.journey import Finding
from gateway.domain.policy import Degree, SpamStatus
from services.antispam.scoring import status_of, weigh
from services.antispam.statistics.corpus import Examined, NoCorpus, corpus_in, examine_all, written_mail
from services.antispam.statistics.model import Model
from services.antispam.statistics.training import train

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
    by_source = defaultdict(list)
    for message in examined:
        by_source[_held_out(message.source)].append(message)
    learnt = [message for message in examined if not message.source.startswith(NOT_TO_BE_LEARNT)]
    for source, held_out in by_source.items():
        _progress(started, f"a model without {source} is trained")
        model = train([message for message in learnt if _held_out(message.source) != source])
        yield from (_judged(message, model) for message in held_out)


def _held_out(source: str) -> str:
    """What is left out together: parts of one corpus are of one kind."""
    return source.partition("/")[0] if not source.startswith("written/") else source


def _judged(message: Examined, model: Model) -> Judged:
    learnt = model.judge(message.features)
    findings = (*message.findings, learnt) if learnt else message.findings
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
        sources = sorted({one.message.source for one in judged if one.message.good is good})
        rates = []
        for source in sources:
            of = [one for one in judged if one.message.source == source and one.message.good is good]
            rates.append([_share(of, degree, probable) for degree in Degree for probable in (False, True)])
            lines.append(_row(label, source, len(of), rates[-1]))
        means = [sum(column) / len(column) for column in zip(*rates, strict=True)]
        lines.append(
            _row(
                f"**{label}**",
                "**mean over sources**",
                sum(one.message.good is good for one in judged),
                means,
            )
        )
    return "\n".join(lines)


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
