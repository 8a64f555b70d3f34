"""Learns the model from examined messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from gateway.domain.policy import Degree
from services.antispam.scoring import THRESHOLDS, score_of, weigh
from services.antispam.statistics.corpus import Examined, without
from services.antispam.statistics.features import sign_of
from services.antispam.statistics.fitting import Examples, Floats, fit
from services.antispam.statistics.model import Model

LOGITS = 0.7
"""What one point of the score is in logits."""

PENALTY = 3e-3
"""On the squares of the weights, as logits."""

MOST = 0.7
"""Logits that one feature can be worth: one point of the score."""

LEAST_SEEN = 8
"""Messages that have a feature, for it to be learnt from."""

NOT_ALWAYS_THERE = (
    *("date", "dkim", "dmarc", "helo", "mailer", "message_id", "received", "sender", "spf", "to"),
    *("good.agent", "good.answer", "good.conversation", "good.discussion", "good.own_links_signed"),
    *("good.signature", "good.signed", "good.unsubscribe", "good.work", "header.repeated"),
)
"""Findings that fall away where a header was cut, nobody was asked, or mail comes from no list. Each message
is learnt with them and without them: what is missing shall not decide."""


def train(messages: Sequence[Examined]) -> Model:
    """The model that corrects the scores of these messages best. All sources of a label count the same."""
    seen = Counter(feature for message in messages for feature in message.features)
    features = sorted(feature for feature, times in seen.items() if times >= LEAST_SEEN)
    both = [*messages, *(without(message, NOT_ALWAYS_THERE) for message in messages)]
    importance = _importance(messages)
    examples = Examples(
        _table(both, features),
        np.array([not message.good for message in both], np.float32),
        (np.concatenate((importance, importance)) / 2).astype(np.float32),
        np.array([_given(message) for message in both], np.float32),
    )
    signs = np.array([*(sign_of(feature) for feature in features), 0], np.float32)
    # The last column is so of all: it says how often mail is bad here, which is of no use elsewhere.
    least = np.where(signs < 0, -MOST, np.where(signs == 0, -6.0, 0.0)).astype(np.float32)
    most = np.where(signs > 0, MOST, np.where(signs == 0, 6.0, 0.0)).astype(np.float32)
    weights = fit(examples, least, most, penalty=PENALTY)
    points = (round(float(weight) / LOGITS, 2) for weight in weights)
    return Model({feature: weight for feature, weight in zip(features, points, strict=False) if weight})


def _table(messages: Sequence[Examined], features: Sequence[str]) -> Floats:
    columns = {feature: column for column, feature in enumerate(features)}
    table = np.zeros((len(messages), len(features) + 1), np.float32)
    table[:, -1] = 1.0
    for row, message in enumerate(messages):
        table[row, [columns[feature] for feature in message.features if feature in columns]] = 1.0
    return table


def _importance(messages: Sequence[Examined]) -> Floats:
    sizes = Counter((message.good, message.source) for message in messages)
    sources = Counter(good for good, _ in sizes)
    shares = [0.5 / sources[one.good] / sizes[one.good, one.source] for one in messages]
    return np.array(shares, np.float32)


def _given(message: Examined) -> float:
    score = score_of(weigh(message.findings, Degree.STANDARD))
    return LOGITS * (score - THRESHOLDS[Degree.STANDARD].probable)
