from __future__ import annotations

import pytest

from services.antispam.database.names import Names

NAMES = Names.of(("dhl", "dhl express", "ing", "bank of ing", "三井", "三井住友", "a&b"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dhl", ("dhl",)),
        ("your dhl parcel, dhl", ("dhl",)),
        ("dhl express", ("dhl express",)),
        ("dhl expressly", ("dhl",)),
        ("the king of dhlx", ()),
        ("bank of ing", ("bank of ing",)),
        ("ing, dhl", ("ing", "dhl")),
        ("三井住友カード事務局", ("三井住友",)),
        ("dhlより", ("dhl",)),
        ("(a&b)", ("a&b",)),
        ("", ()),
    ],
)
def test_names_are_found_as_words_and_the_longest_first(text: str, found: tuple[str, ...]) -> None:
    assert NAMES.as_words(text) == found


def test_names_are_found_within_words() -> None:
    assert set(NAMES.within("booking-dhl24.example")) == {"ing", "dhl"}
