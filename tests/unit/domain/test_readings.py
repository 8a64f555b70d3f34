from __future__ import annotations

from base64 import b64encode, encodebytes

import pytest

from gateway.domain import parameters, transfer
from gateway.domain.mime import closed, take_apart
from gateway.domain.readings import TOO_MANY_READINGS, contents, names, other_parts
from tests.support.parts import a_message, a_text, an_attachment

ORDINARY = a_message(
    a_text(),
    a_message(a_text(b"inner"), an_attachment(bytes(range(256)) * 40, "photo.jpg"), kind="related"),
    b"Content-Type: message/rfc822\r\n\r\n" + a_message(a_text(b"forwarded")),
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"<p>=C3=A4=\r\n</p>\r\n",
)


def test_ordinary_mail_has_one_reading() -> None:
    parts = take_apart(ORDINARY)

    assert all(part.clear for part in parts)
    assert other_parts(ORDINARY, parts) == ()
    assert {len(contents(part, ORDINARY)) for part in parts if not part.container} == {1}


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain\r\nContent-Type: text/html\r\n",
        b"Content-Type: text/plain (comment)\r\n",
        b"Content-Type: multipart/mixed; boundary=a; boundary=b\r\n",
        b"Content-Transfer-Encoding: 7bit base64\r\n",
        b"Content-Type\0: text/html\r\n",
        b"Content-Type: text/plain\r\nno field\r\n",
        b"Content-Type: multipart/mixed\r\n",
    ],
)
def test_a_header_that_readers_may_understand_differently_is_not_clear(header: bytes) -> None:
    part, *_ = take_apart(header + b"\r\n--a\r\n\r\nx\r\n--a--\r\n")

    assert not part.clear


def test_texts_around_the_parts_are_other_parts_of_their_container() -> None:
    message = a_message(a_text()).replace(b"\r\n\r\n--", b"\r\n\r\nbefore\r\n--", 1) + b"behind\r\n"
    before, behind = other_parts(message, take_apart(message))

    assert (before.path, contents(before, message)) == ("preamble", (b"before",))
    assert (behind.path, contents(behind, message)) == ("epilogue", (b"behind\r\n",))


def test_too_many_readings_are_told_by_a_part_that_is_not_opened() -> None:
    body = b"".join(
        b"--b%d x\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n % 8, n % 7) for n in range(900)
    )
    message = (
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n" % n for n in range(8)) + b"\r\n" + body
    )

    assert [part.unopened for part in other_parts(message, take_apart(message)) if part.unopened] == [
        TOO_MANY_READINGS
    ]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 1000])
def test_base64_by_the_book_has_one_reading(size: int) -> None:
    content = bytes(range(256)) * 4
    for raw in (
        encodebytes(content[:size]),
        b64encode(content[:size]),
        encodebytes(content[:size]).replace(b"\n", b"\r\n"),
    ):
        assert transfer.readings(raw, transfer.BASE64) == (content[:size],)


def test_all_encodings_of_a_field_are_known_in_their_order() -> None:
    assert transfer.encodings_in(b' (7bit) "base64", x-uue; quoted-printable') == (
        "base64",
        "uuencode",
        "quoted-printable",
    )


def test_every_value_of_a_parameter_is_known() -> None:
    value = b'multipart/mixed; boundary=a; boundary="b"; boundary*0=c; boundary*1=d; other=e'

    assert {found.content for found in parameters.every(value, "boundary")} == {b"a", b"b", b"cd"}


def test_the_names_of_a_part_begin_with_the_one_that_it_has() -> None:
    message = b'Content-Type: a/b; name="second"\r\nContent-Disposition: attachment; filename=first\r\n\r\nx'
    (part,) = take_apart(message)

    assert names(part, message) == ("first", "second")


def test_a_closed_container_is_one_part_among_the_others() -> None:
    message = a_message(a_text(b"1"), a_message(a_text(b"2.1"), a_text(b"2.2")), a_text(b"3"))
    parts = take_apart(message)

    kept, whole = closed(parts, parts[2])

    assert [part.path for part in kept] == ["", "1", "2", "3"]
    assert [part.parent for part in kept] == [-1, 0, 0, 0]
    assert (whole.path, whole.container) == ("2", False)
