from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from services.receiver.eightbit import in_ascii


def read(field: bytes, name: str) -> str:
    """What a mail reader shows of a field."""
    header = message_from_bytes(in_ascii(field) + b"\r\n", policy=policy.default)[name]
    return " ".join(str(header).split())


def test_only_what_is_not_ascii_is_written_anew() -> None:
    header = b"Received: from x (\xe4)\r\nSubject: all\r\n folded\r\nX-Y: \xc3\xbc\r\n"

    written = in_ascii(header)

    assert written == (
        b"Received: from x =?unknown-8bit?b?KOQp?=\r\nSubject: all\r\n folded\r\nX-Y: =?utf-8?b?w7w=?=\r\n"
    )


def test_words_keep_the_spaces_between_them() -> None:
    assert (
        read("Subject: Müller und  Söhne Köln Nord\r\n".encode(), "Subject") == "Müller und Söhne Köln Nord"
    )


def test_names_stay_apart_from_addresses() -> None:
    field = 'From: "Müller, Jürgen \\"JM\\"" <jm@own.example>, Zoë (früher) <z@own.example>\r\n'.encode()

    header = message_from_bytes(in_ascii(field) + b"\r\n", policy=policy.default)["From"]

    assert [(each.display_name, each.addr_spec) for each in header.addresses] == [
        ('Müller, Jürgen "JM"', "jm@own.example"),
        ("Zoë", "z@own.example"),
    ]


def test_a_file_name_becomes_an_extended_parameter() -> None:
    field = 'Content-Type: application/pdf; name="Übersicht 1.pdf"; x=y\r\n'.encode()

    written = in_ascii(field)

    assert written == b"Content-Type: application/pdf; name*=utf-8''%C3%9Cbersicht%201.pdf; x=y\r\n"
    assert message_from_bytes(written + b"\r\n").get_filename() == "Übersicht 1.pdf"


def test_an_extended_parameter_stays_one() -> None:
    field = b"Content-Disposition: attachment; filename*=utf-8''\xc3\xbc%20x\r\n"

    assert in_ascii(field) == b"Content-Disposition: attachment; filename*=utf-8''%C3%BC%20x\r\n"


def test_text_that_is_no_utf_8_has_the_charset_of_the_body() -> None:
    header = b"Subject: \xcf\xf0\xe8\xe2\xe5\xf2\r\nContent-Type: text/plain; charset=windows-1251\r\n"

    assert read(header, "Subject") == "Привет"


def test_text_in_an_unknown_charset_is_marked_as_such() -> None:
    assert in_ascii(b"Subject: \xff\xfe\r\nX: charset=x-nothing\r\n").startswith(
        b"Subject: =?unknown-8bit?b?//4=?=\r\n"
    )


@pytest.mark.parametrize("text", ["ü" * 400, "日本" * 300, "x" * 200 + "ü"])
def test_an_encoded_word_is_short_enough_and_breaks_no_character(text: str) -> None:
    written = in_ascii(f"Subject: {text}\r\n".encode())

    assert all(len(word) <= 75 for word in written.split() if word.startswith(b"=?"))
    assert read(written, "Subject") == text


@pytest.mark.parametrize(
    "value", [b'"' * 50_000, b'"\\' * 50_000, b"\\" * 50_000, b"(" * 50_000, b"a=" * 50_000, b"a" * 100_000]
)
@pytest.mark.parametrize("name", [b"To", b"Content-Type", b"Subject"])
def test_reading_takes_no_longer_than_the_value_is_long(name: bytes, value: bytes) -> None:
    assert in_ascii(name + b": " + value + b"\xff\r\n").isascii()
