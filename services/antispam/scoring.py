"""From findings to a status and to categories: no message, no network, no policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.domain.journey import Finding, Turning
from gateway.domain.policy import Degree, SpamStatus
from services.antispam.weights import ALONE, LIMITS, WEIGHTS, Limit


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least sums of scores that make a message probable spam, and spam."""

    probable: float
    spam: float


THRESHOLDS: Mapping[Degree, Thresholds] = MappingProxyType(
    {
        Degree.SOFT: Thresholds(probable=5.0, spam=11.5),
        Degree.STANDARD: Thresholds(probable=2.7, spam=9.5),
        Degree.HARD: Thresholds(probable=2.0, spam=8.0),
    }
)


def weigh(findings: Iterable[Finding], degree: Degree) -> tuple[Finding, ...]:
    """The findings with what they count by that degree, in their order.

    Each name counts once. Findings of one family count up to its limit together: many signs of one thing are
    not many things.
    """
    findings = tuple(findings)
    alone = ALONE.intersection(finding.check for finding in findings)
    weighed: list[Finding] = []
    counted: set[str] = set()
    sums: dict[str, float] = {}
    for finding in findings:
        weight = WEIGHTS.get(finding.check)
        score = finding.score if weight is None else weight.at(degree)
        if (weight and finding.check in counted) or (alone and finding.check not in alone):
            score = 0.0
        counted.add(finding.check)
        limit = LIMITS.get(finding.check.partition(".")[0])
        if limit is not None:
            score = _within(limit, sums, finding.check.partition(".")[0], score)
        weighed.append(replace(finding, score=round(score, 2)))
    return tuple(weighed)


def score_of(findings: Iterable[Finding]) -> float:
    """The sum of the scores, as it is compared with the thresholds."""
    return round(sum(finding.score for finding in findings), 2)


def status_of(findings: Iterable[Finding], degree: Degree) -> SpamStatus:
    """The status of a message with these weighed findings, by the degree of `SpamDetection`."""
    return _status_at(score_of(findings), THRESHOLDS[degree])


def categories_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The content categories of a message with these findings, each once, in the order they were found."""
    return tuple(dict.fromkeys(finding.category for finding in findings if finding.category))


def turning_of(findings: Iterable[Finding], degree: Degree) -> Turning:
    """How far the verdict is from others, and which findings it hangs on."""
    weighed = tuple(findings)
    thresholds = THRESHOLDS[degree]
    score = score_of(weighed)
    status = _status_at(score, thresholds)
    least = {SpamStatus.SPAM: thresholds.spam, SpamStatus.PROBABLE: thresholds.probable}.get(status)
    worse = {SpamStatus.NOT_DETECTED: thresholds.probable, SpamStatus.PROBABLE: thresholds.spam}.get(status)
    decisive = tuple(
        finding.check
        for finding in weighed
        if finding.score and _status_at(round(score - finding.score, 2), thresholds) is not status
    )
    return Turning(
        score,
        None if worse is None else round(worse - score, 2),
        None if least is None else round(score - least, 2),
        decisive,
        () if least is None else _fewest(weighed, score, least),
    )


def _fewest(weighed: tuple[Finding, ...], score: float, least: float) -> tuple[str, ...]:
    """The findings of most weight that hold the score at `least`."""
    gone: list[str] = []
    for finding in sorted(weighed, key=lambda finding: (-finding.score, finding.check)):
        if score < least:
            break
        gone.append(finding.check)
        score = round(score - finding.score, 2)
    return tuple(gone)


def _status_at(score: float, thresholds: Thresholds) -> SpamStatus:
    if score >= thresholds.spam:
        return SpamStatus.SPAM
    if score >= thresholds.probable:
        return SpamStatus.PROBABLE
    return SpamStatus.NOT_DETECTED


def _within(limit: Limit, sums: dict[str, float], family: str, score: float) -> float:
    before = sums.get(family, 0.0)
    after = max(limit.least, min(limit.most, before + score))
    sums[family] = after
    return after - before
