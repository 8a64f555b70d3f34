from __future__ import annotations

import pytest

from gateway.domain.headers import (
    decode_words,
    encode_field,
    fields,
    header_end,
    named,
    raw_value,
    text_value,
)

MESSAGE = (
    b"Received: from a\r\n by b\r\n"
    b"Subject: =?utf-8?q?caf=C3=A9?=\r\n =?utf-8?q?_noir?=\r\n"
    b"this line is no field\r\n"
    b"X-Empty:\r\n"
    b"\r\n"
    b"Body: not a field\r\n"
)


def test_a_field_knows_its_place_and_keeps_its_folds() -> None:
    received = fields(MESSAGE)[0]

    assert MESSAGE[received.start : received.end] == b"Received: from a\r\n by b\r\n"
    assert raw_value(MESSAGE, received) == b"from a\r\n by b"


def test_only_the_header_block_holds_fields() -> None:
    names = [field.name for field in fields(MESSAGE)]

    assert names == ["Received", "Subject", "X-Empty"]
    assert MESSAGE[header_end(MESSAGE) :] == b"Body: not a field\r\n"


def test_names_are_compared_without_case() -> None:
    assert [field.name for field in named(fields(MESSAGE), "SUBJECT")] == ["Subject"]


def test_adjacent_encoded_words_join_without_the_space_between() -> None:
    subject = next(named(fields(MESSAGE), "subject"))

    assert text_value(MESSAGE, subject) == "café noir"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        (b"a =?utf-8?b?w6k=?= b", "a é b"),
        (b"=?no-such-charset?q?=E9?=", "é"),
        (b"=?utf-8?b?broken", "=?utf-8?b?broken"),
        ("наивно".encode(), "наивно"),
        (b"\xe9t\xe9", "été"),
        (b"folded\r\n here", "folded here"),
        (b"=?idna?q?xn--99999999?=", "xn--99999999"),
        (b"=?a\0b?q?x?=", "x"),
        (b"=?utf-7?q?a+2AA-?=", "a\ufffd"),
        (b"=?raw_unicode_escape?q?a=5CuD800?=", r"a\uD800"),
    ],
)
def test_any_value_becomes_text(value: bytes, text: str) -> None:
    assert decode_words(value) == text


def test_an_endless_value_is_not_searched_for_encoded_words() -> None:
    value = b"=?utf-8?q?" * 100_000

    assert decode_words(value) == value.decode()


@pytest.mark.parametrize(
    ("message", "end"),
    [(b"\r\nbody", 2), (b"A: b\r\n\r\nbody", 8), (b"A: b\n\nbody", 6), (b"A: b\r\n", 6), (b"", 0)],
)
def test_the_header_ends_behind_the_empty_line(message: bytes, end: int) -> None:
    assert header_end(message) == end


@pytest.mark.parametrize("text", ["short", "[!! SPAM] длинная тема " * 8, "two\r\nlines: injected"])
def test_an_encoded_field_reads_back_as_one_field(text: str) -> None:
    line = encode_field("Subject", text)

    assert line.endswith(b"\r\n")
    assert [field.name for field in fields(line)] == ["Subject"]
    assert text_value(line, fields(line)[0]).split() == text.split()
