"""Fits weights to examples: logistic regression over what is so of each, beside a score that is given.

Deterministic: the same examples give the same weights on the same machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ROUNDS = 300
"""Steps of the descent: by then the weights change in the third digit."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What is so of each example, and what each is."""

    features: Floats  # one row an example, one column a feature; 1.0 where it is so
    bad: Floats  # 1.0 for spam, 0.0 for good mail
    importance: Floats  # sums up to 1
    given: Floats  # logits that other evidence gives


def fit(examples: Examples, least: Floats, most: Floats, *, penalty: float) -> Floats:
    """Weights that with what is given tell bad from good, each column's within its bounds.

    `penalty` is on the squares of the weights: what few examples show stays near nothing.
    """
    step = 1.0 / (0.25 * _stretch(examples) + penalty)
    weights = np.zeros(examples.features.shape[1], np.float32)
    ahead, pace = weights, 1.0
    for _ in range(ROUNDS):
        logits = np.clip(examples.given + examples.features @ ahead, -30.0, 30.0)
        missed = examples.importance * (1.0 / (1.0 + np.exp(-logits)) - examples.bad)
        slope = examples.features.T @ missed + penalty * ahead
        moved = np.clip(ahead - step * slope, least, most)
        faster = (1.0 + (1.0 + 4.0 * pace * pace) ** 0.5) / 2.0
        ahead = moved + (pace - 1.0) / faster * (moved - weights)
        weights, pace = moved, faster
    return weights


def _stretch(examples: Examples) -> float:
    """The largest eigenvalue of the weighed examples, by power iteration, and a tenth more."""
    direction = np.ones(examples.features.shape[1], np.float32)
    size = 1.0
    for _ in range(30):
        direction = examples.features.T @ (examples.importance * (examples.features @ direction))
        size = float(np.linalg.norm(direction))
        direction = direction / max(size, 1e-12)
    return 1.1 * size
