"""What a metric is: a family has a name, a type and a meaning, and a sample for each value of its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The types of the text format, version 0.0.4."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str  # with its unit, and `_total` where it only rises
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of a family."""

    value: float
    labels: tuple[str, ...] = ()  # values, in the order of the family's labels


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many values were at most as large as each bound, of a family of histograms."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]  # values up to each bound and above the one before; the last: above all
    total: float  # of all values
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collected:
    """A family with its numbers of now."""

    family: Family
    samples: Sequence[Sample | Distribution]
