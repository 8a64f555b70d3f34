from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.antispam.learning.features import MOST_WORDS, UnreadableFeatures, features_of, pack, unpack

WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]


@given(st.lists(st.text(min_size=1), max_size=400))
def test_what_was_kept_is_read_again(tokens: list[str]) -> None:
    features = features_of(tokens)

    read = unpack(pack(features))

    assert np.array_equal(read.words, features.words)
    assert (read.numbers is None) is (features.numbers is None)
    assert read.numbers is None or np.array_equal(read.numbers, features.numbers)  # type: ignore[arg-type]


@given(st.binary(max_size=700))
def test_anything_else_is_refused(packed: bytes) -> None:
    with pytest.raises(UnreadableFeatures):
        unpack(packed)


@pytest.mark.parametrize("length", [0, 3, 6, 7, 8, 100, 519])
def test_what_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(UnreadableFeatures, match="cut off"):
        unpack(pack(features_of(WORDS))[:length])


def test_the_words_of_a_long_text_are_a_choice_that_does_not_depend_on_their_order() -> None:
    tokens = [f"{one}{other}" for one in WORDS for other in WORDS]

    kept = features_of(tokens).words

    assert len(kept) == MOST_WORDS
    assert np.array_equal(kept, features_of([*reversed(tokens), *tokens]).words)
