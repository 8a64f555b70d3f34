"""What is remembered of a message that an operator taught: a fingerprint, and a bounded choice of its words.

Words are kept as hashes, those with the lowest ones: a choice that depends on the words alone, so that
messages which share words share those that were chosen.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from services.antispam.database.fingerprints import SIZE, Numbers, fingerprint

MOST_WORDS = 256
"""Of one message."""

_HEAD = struct.Struct(">4sBH")  # magic, whether there is a fingerprint, number of words
_MAGIC = b"MWL1"


class UnreadableFeatures(Exception):
    """Features that this version cannot read; says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What is remembered of a message."""

    numbers: Numbers | None  # its fingerprint; None: it is too short for one
    words: NDArray[np.uint32]  # in order, each once


def features_of(tokens: Sequence[str]) -> Features:
    """The features of a text of these tokens."""
    return Features(fingerprint(tokens), words_of(tokens))


def words_of(tokens: Sequence[str]) -> NDArray[np.uint32]:
    """The words of a text that are compared with those of lessons."""
    hashed = {crc32(token.encode()) for token in set(tokens) if not token.isdigit()}
    return np.array(sorted(hashed)[:MOST_WORDS], dtype=np.uint32)


def pack(features: Features) -> bytes:
    """Features as the records keep them."""
    numbers = b"" if features.numbers is None else features.numbers.astype(">u4").tobytes()
    head = _HEAD.pack(_MAGIC, bool(numbers), len(features.words))
    return head + numbers + features.words.astype(">u4").tobytes()


def unpack(packed: bytes) -> Features:
    """Features that the records kept. Raises `UnreadableFeatures`."""
    if len(packed) < _HEAD.size:
        raise UnreadableFeatures("they are cut off")
    magic, has_numbers, count = _HEAD.unpack_from(packed)
    if magic != _MAGIC:
        raise UnreadableFeatures(f"they are of another version ({magic!r})")
    numbers = SIZE if has_numbers else 0
    values = np.frombuffer(packed[_HEAD.size :], dtype=">u4").astype(np.uint32) if not _odd(packed) else None
    if values is None or len(values) != numbers + count:
        raise UnreadableFeatures("they are cut off")
    return Features(values[:numbers] if has_numbers else None, values[numbers:])


def _odd(packed: bytes) -> bool:
    return bool((len(packed) - _HEAD.size) % 4)
