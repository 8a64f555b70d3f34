from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.antispam.database.tokens import MOST_TOKENS, tokens_of


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("You've  WON!\r\nClick-here", ["you", "ve", "won", "click", "here"]),
        ("100% FREE, $5.00_now", ["100", "%", "free", "$", "5", "00", "now"]),
        ("Straße ÉTÉ e\u0301te\u0301", ["strasse", "été", "été"]),
        ("ＦＲＥＥ ﬁne", ["free", "fine"]),
        ("Подтвердите аккаунт", ["подтвердите", "аккаунт"]),
        ("免费 vip赌\n场", ["免", "费", "vip", "赌", "场"]),
        ("カジノ・無料", ["カ", "ジ", "ノ", "無", "料"]),
        ("เงินกู้", ["เ", "ง", "ิ", "น", "ก", "ู", "้"]),
        ("무료 대출", ["무료", "대출"]),
        ("مَجّانًا مجـانا", ["مجانا", "مجانا"]),
        ("बैंक खाता।", ["बैंक", "खाता"]),
        ("שָׁלוֹם", ["שלום"]),
        ("5 €", ["5", "€"]),
        ("", []),
    ],
)
def test_a_text_is_a_row_of_words_signs_and_characters(text: str, tokens: list[str]) -> None:
    assert tokens_of(text) == tokens


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_a_text_in_ascii_is_read_as_it_would_be_beside_other_letters(text: str) -> None:
    assert tokens_of(f"{text} ж") == [*tokens_of(text), "ж"]


@given(st.text())
def test_what_was_read_reads_the_same_again(text: str) -> None:
    tokens = tokens_of(text)

    assert tokens_of(" ".join(tokens)) == tokens


def test_a_text_without_end_is_read_up_to_a_bound() -> None:
    assert len(tokens_of("a " * (MOST_TOKENS + 1))) == MOST_TOKENS
