"""Learns from examined messages: what their findings say together, and what their words say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from gateway.domain.policy import Degree
from services.antispam.database.shapes import RECIPIENTS
from services.antispam.database.tokens import tokens_of
from services.antispam.database.written import shipped_words
from services.antispam.scoring import THRESHOLDS, score_of, weigh
from services.antispam.statistics.corpus import Examined, is_written, without
from services.antispam.statistics.features import sign_of
from services.antispam.statistics.fitting import Examples, Floats, fit, table_of
from services.antispam.statistics.model import Model
from services.antispam.statistics.words import Words, measure

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
    *("good.post", "good.signature", "good.signed", "good.unsubscribe", "good.work", "header.repeated"),
)
"""Findings that fall away where a header was cut, nobody was asked, or mail comes from no list. Each message
is learnt with them and without them: what is missing shall not decide."""

WORD_PENALTY = 2e-3
"""The same on those of words, of which there are many."""

LEAST_ORIGINS = 3
"""Sources, or written texts, that have a word for it to be learnt: names of people stay where they are."""

TEXTS_OF_A_SOURCE = 100
"""Written texts of a language that count as much as one real source."""


def train(messages: Sequence[Examined]) -> Model:
    """The model that corrects the scores of these messages best. Real sources of a label count the same."""
    seen = Counter(feature for message in messages for feature in message.features)
    features = sorted(feature for feature, times in seen.items() if times >= LEAST_SEEN)
    both = [*messages, *(without(message, NOT_ALWAYS_THERE) for message in messages)]
    importance = _importance(messages)
    # The last column is so of all: it says how often mail is bad here, which is of no use elsewhere.
    columns = {feature: column for column, feature in enumerate((*features, _ALL))}
    examples = Examples(
        table_of(((*message.features, _ALL) for message in both), columns),
        np.array([not message.good for message in both], np.float64),
        np.concatenate((importance, importance)) / 2,
        np.array([_given(message) for message in both]),
    )
    signs = np.array([*(sign_of(feature) for feature in features), 0])
    least = np.where(signs < 0, -MOST, np.where(signs == 0, -6.0, 0.0))
    most = np.where(signs > 0, MOST, np.where(signs == 0, 6.0, 0.0))
    weights = fit(examples, least, most, penalty=PENALTY)
    points = (round(float(weight) / LOGITS, 2) for weight in weights)
    return Model({feature: weight for feature, weight in zip(features, points, strict=False) if weight})


def train_words(messages: Sequence[Examined]) -> Words:
    """What words say by themselves, learnt without a look at anything else."""
    origins: defaultdict[str, set[str]] = defaultdict(set)
    for message in messages:
        for word in message.words:
            origins[word].add(message.origin)
    made_up = _made_up()
    vocabulary = sorted(
        word
        for word, found in origins.items()
        if len(found) >= LEAST_ORIGINS and word.removeprefix(":") not in made_up
    )
    columns = {word: column for column, word in enumerate(vocabulary)}
    measures = [measure(sum(word in columns for word in message.words)) for message in messages]
    examples = Examples(
        table_of((message.words for message in messages), columns, np.array(measures)),
        np.array([not message.good for message in messages], np.float64),
        _importance(messages),
        np.zeros(len(messages)),
    )
    unbound = np.full(len(vocabulary), np.inf)
    weights = fit(examples, -unbound, unbound, penalty=WORD_PENALTY)
    return Words(
        {
            word: weight
            for word, weight in zip(vocabulary, np.round(weights, 3).tolist(), strict=True)
            if weight
        }
    )


_ALL = "all"
"""What is so of every message."""

_NAMES = ("city", "company", "first", "last", "month", "product", "shop", "street")
_OF_ADDRESSES = ("example", "http", "https", "www", "com", "net", "org", "php", "html")
"""Parts of written mail that say nothing: names in its slots, and what addresses are made of."""


def _made_up() -> frozenset[str]:
    """Words that stand in written mail by chance: names that it is filled with, and parts of addresses."""
    slots = shipped_words().values()
    names = (value for slot in slots for name in _NAMES for value in slot.get(name, ()))
    return frozenset(token for name in names for token in tokens_of(name)).union(_OF_ADDRESSES, RECIPIENTS)


def _importance(messages: Sequence[Examined]) -> Floats:
    sizes = Counter((message.good, message.source) for message in messages)
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for message in messages:
        if is_written(message.source):
            texts[message.source].add(message.origin)
    weights = {
        source: len(texts[source]) / TEXTS_OF_A_SOURCE if source in texts else 1.0 for _, source in sizes
    }
    totals = {
        label: sum(weights[source] for good, source in sizes if good is label) for label in (True, False)
    }
    shares = [weights[one.source] / totals[one.good] / sizes[one.good, one.source] for one in messages]
    return 0.5 * np.array(shares)


def _given(message: Examined) -> float:
    score = score_of(weigh(message.findings, Degree.STANDARD))
    return LOGITS * (score - THRESHOLDS[Degree.STANDARD].probable)
