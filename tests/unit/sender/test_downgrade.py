"""Messages in 7 bits: the cases of `tests/corpus/downgrade`, and what holds for all of them."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.downgrade import Inconvertible, downgraded

CORPUS = Path(__file__).parents[2] / "corpus" / "downgrade"
CASES = sorted(CORPUS.glob("*.eml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_message_in_seven_bits_is_the_one_that_the_case_says(case: Path) -> None:
    refused = case.with_suffix(".refused")
    if refused.exists():
        with pytest.raises(Inconvertible, match=re.escape(refused.read_text().strip())):
            downgraded(case.read_bytes())
        return

    assert downgraded(case.read_bytes()) == case.with_suffix(".7bit").read_bytes()


@pytest.mark.parametrize("case", [case for case in CASES if case.with_suffix(".7bit").exists()])
def test_what_is_in_seven_bits_stays_as_it_is(case: Path) -> None:
    converted = downgraded(case.read_bytes())

    assert downgraded(converted) == converted


TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=("Cs", "Cc")), max_size=120
)
LINES = st.lists(TEXT, max_size=8).map(lambda lines: "".join(f"{line}\r\n" for line in lines))


@given(st.lists(LINES, min_size=1, max_size=4), TEXT, st.sampled_from(["8bit", "binary", "7bit", ""]))
def test_every_part_says_the_same_in_seven_bits(texts: list[str], subject: str, encoding: str) -> None:
    label = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    parts = "".join(
        f"--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n{label}\r\n{text}\r\n" for text in texts
    )
    message = (
        f"Subject: x{subject}x\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="=_b"\r\n\r\n{parts}--=_b--\r\n'
    )

    converted = message_from_bytes(downgraded(message.encode()), EmailMessage, policy=default)

    assert converted["Subject"] == f"x{subject}x"
    assert [part.get_payload(decode=True) for part in converted.iter_parts()] == [
        text.encode() for text in texts
    ]


@given(st.binary(max_size=300))
def test_whatever_comes_is_converted_or_refused(message: bytes) -> None:
    try:
        converted = downgraded(message)
    except Inconvertible:
        return

    assert converted.isascii()
