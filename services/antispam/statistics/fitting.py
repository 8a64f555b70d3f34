"""Fits weights to examples: logistic regression over what is so of each, beside a score that is given.

Deterministic: the same examples give the same weights on the same machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int32]

ROUNDS = 300
"""Steps of the descent: by then the weights change in the third digit."""


@dataclass(frozen=True, slots=True)
class Table:
    """What is so of each example: of a few columns out of many, so only those are written down."""

    rows: Places  # of each entry, the example
    columns: Places  # and what is so of it
    values: Floats  # of each example: what an entry of it counts
    width: int  # columns that there are

    def sums(self, weights: Floats) -> Floats:
        """Of each example, the weights of what is so of it."""
        sums: Floats = np.bincount(self.rows, weights[self.columns], len(self.values)).astype(np.float64)
        return sums * self.values

    def shares(self, of: Floats) -> Floats:
        """Of each column, what the examples that have it bring."""
        return np.bincount(self.columns, (of * self.values)[self.rows], self.width).astype(np.float64)


def table_of(
    features: Iterable[Iterable[str]], columns: Mapping[str, int], values: Floats | None = None
) -> Table:
    """The table of examples with these features; those without a column are left out."""
    # Sorted: sets have another order in each process, and a sum of floats depends on it.
    known = [sorted(columns[feature] for feature in each if feature in columns) for each in features]
    rows = np.repeat(np.arange(len(known), dtype=np.int32), [len(each) for each in known])
    places = np.array([column for each in known for column in each], np.int32)
    return Table(rows, places, np.ones(len(known)) if values is None else values, len(columns))


@dataclass(frozen=True, slots=True)
class Examples:
    """What is so of each example, and what each is."""

    features: Table
    bad: Floats  # 1.0 for spam, 0.0 for good mail
    importance: Floats  # sums up to 1
    given: Floats  # logits that other evidence gives


def fit(examples: Examples, least: Floats, most: Floats, *, penalty: float) -> Floats:
    """Weights that with what is given tell bad from good, each column's within its bounds.

    `penalty` is on the squares of the weights: what few examples show stays near nothing.
    """
    step = 1.0 / (0.25 * _stretch(examples) + penalty)
    weights = np.zeros(examples.features.width)
    ahead, pace = weights, 1.0
    for _ in range(ROUNDS):
        logits = np.clip(examples.given + examples.features.sums(ahead), -30.0, 30.0)
        missed = examples.importance * (1.0 / (1.0 + np.exp(-logits)) - examples.bad)
        slope = examples.features.shares(missed) + penalty * ahead
        moved = np.clip(ahead - step * slope, least, most)
        faster = (1.0 + (1.0 + 4.0 * pace * pace) ** 0.5) / 2.0
        ahead = moved + (pace - 1.0) / faster * (moved - weights)
        weights, pace = moved, faster
    return weights


def _stretch(examples: Examples) -> float:
    """The largest eigenvalue of the weighed examples, by power iteration, and a tenth more."""
    direction = np.ones(examples.features.width)
    size = 1.0
    for _ in range(30):
        direction = examples.features.shares(examples.importance * examples.features.sums(direction))
        size = float(np.linalg.norm(direction))
        direction = direction / max(size, 1e-12)
    return 1.1 * size
