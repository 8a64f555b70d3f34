"""The model: a weight for each feature, in a file of arrays that numpy reads without running anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from gateway.domain.journey import Finding

MODEL = "model.npy"

LEAST, MOST = -3.0, 3.5
"""What experience adds to a score at least and at most: alone it makes nothing spam."""

MOST_TOLD = 5
"""Features that the finding names."""

_ROW = np.dtype([("feature", "S48"), ("weight", "<f4")])


class BadModel(ValueError):
    """A file that holds no model; the message says why."""


@dataclass(frozen=True, slots=True)
class Model:
    """What was learnt: by the name of a feature, what it adds to a score."""

    weights: Mapping[str, float]

    def judge(self, features: Iterable[str]) -> Finding | None:
        """A finding that names what weighed most, or None when experience says nothing."""
        known = [(self.weights[feature], feature) for feature in features if feature in self.weights]
        score = round(min(MOST, max(LEAST, sum(weight for weight, _ in known))), 2)
        if not score:
            return None
        known.sort(key=lambda one: (-abs(one[0]), one[1]))
        told = ", ".join(f"{feature} {weight:+.1f}" for weight, feature in known[:MOST_TOLD])
        return Finding("model", f"experience with such messages: {told}", score)


def write_model(model: Model) -> bytes:
    """The file of a model: the same bytes for the same weights."""
    rows = np.array([(name.encode(), weight) for name, weight in sorted(model.weights.items())], _ROW)
    file = BytesIO()
    np.save(file, rows, allow_pickle=False)
    return file.getvalue()


def read_model(content: bytes) -> Model:
    """The model in a file. Raises `BadModel`."""
    try:
        rows = np.load(BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise BadModel(f"not an array of numpy: {error}") from None
    if not isinstance(rows, np.ndarray) or rows.dtype != _ROW or rows.ndim != 1:
        raise BadModel("not rows of feature and weight")
    if not len(rows):
        raise BadModel("knows no feature")
    if not np.isfinite(rows["weight"]).all():
        raise BadModel("a weight is no number")
    return Model({bytes(name).decode("ascii", "replace"): float(weight) for name, weight in rows.tolist()})
