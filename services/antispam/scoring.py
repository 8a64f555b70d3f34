"""From findings to a status and to categories: no message, no network, no policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.domain.journey import Finding
from gateway.domain.policy import Degree, SpamStatus


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least sums of scores that make a message probable spam, and spam."""

    probable: float
    spam: float


THRESHOLDS: Mapping[Degree, Thresholds] = MappingProxyType(
    {
        Degree.SOFT: Thresholds(probable=6.0, spam=12.0),
        Degree.STANDARD: Thresholds(probable=5.0, spam=10.0),
        Degree.HARD: Thresholds(probable=4.0, spam=8.0),
    }
)


def status_of(findings: Iterable[Finding], degree: Degree) -> SpamStatus:
    """The status of a message with these findings, by the degree of `SpamDetection`."""
    score = sum(finding.score for finding in findings)
    thresholds = THRESHOLDS[degree]

    if score >= thresholds.spam:
        return SpamStatus.SPAM
    if score >= thresholds.probable:
        return SpamStatus.PROBABLE
    return SpamStatus.NOT_DETECTED


def categories_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The content categories of a message with these findings, each once, in the order they were found."""
    return tuple(dict.fromkeys(finding.category for finding in findings if finding.category))
