"""Fingerprints of texts: texts that share rows of three words have as many numbers in common.

MinHash: each of 128 hash functions keeps the least value that any row of three tokens has. Two texts share
such a value as often as they share rows, so the share of equal values estimates the likeness (Broder 1997,
"On the resemblance and containment of documents").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from services.antispam.database.tokens import is_unspaced

SIZE = 128
"""Numbers of a fingerprint."""

ROW = 3
"""Tokens that are taken together."""

READ_TOKENS = 1000
"""The beginning of a text that is looked at: what is hung behind spam to disguise it counts no more."""

LEAST_WORDS = 20
"""Shorter texts have no fingerprint: too many others are like them by chance. A character of a script
without spaces is half a word."""

Numbers = NDArray[np.uint32]
"""One fingerprint, or one a row."""

_has_digit = re.compile(r"\d").search

_ANY_NUMBER = crc32(b"0")
"""Stands for all tokens with a digit: amounts, dates and codes are what differs between copies."""


def fingerprint(tokens: Sequence[str]) -> Numbers | None:
    """The fingerprint of a text of these tokens; None when it is too short."""
    read = tokens[:READ_TOKENS]
    if len(read) < 2 * LEAST_WORDS and _words(read) < LEAST_WORDS:
        return None
    hashed = np.array(
        [
            crc32(token.encode()) if token.isalpha() or not _has_digit(token) else _ANY_NUMBER
            for token in read
        ],
        dtype=np.uint64,
    )
    rows = _mixed(hashed[:-2] * _ORDER[0] + hashed[1:-1] * _ORDER[1] + hashed[2:] * _ORDER[2])
    # The upper half of a product with an odd number: the lower bits of such products are too regular.
    least = np.concatenate([np.multiply.outer(some, rows).min(axis=1) for some in _FACTORS])
    numbers: Numbers = (least >> np.uint64(32)).astype(np.uint32)
    return numbers


def _words(tokens: Sequence[str]) -> float:
    return sum(0.5 if is_unspaced(token) else 1.0 for token in tokens)


def likeness(one: Numbers, others: Numbers) -> NDArray[np.float64]:
    """How much of its rows the text of the first shares with those of the others, 0 to 1 each."""
    shares: NDArray[np.float64] = (others == one).mean(axis=-1)
    return shares


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The values spread over all 64 bits (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    spread: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return spread


def _odd_numbers(count: int) -> NDArray[Any]:
    """So many odd numbers of 64 bits, the same in all versions of everything."""
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return _mixed(steps) | np.uint64(1)


_FACTORS = np.split(_odd_numbers(SIZE), 16)
"""So few at once that the products need no memory of their own, and leave the cache to others."""

_ORDER = _odd_numbers(SIZE + ROW)[SIZE:]
