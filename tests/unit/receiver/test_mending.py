from __future__ import annotations

import pytest

from services.receiver.defects import Defect
from services.receiver.mending import MOST_HEADER_LINES, Mending
from tests.support.awkward import AWKWARD
from tests.support.mended import mended

LIMIT = 64 << 10

CASES = {
    "a bare LF becomes CRLF": (b"A: b\n\nx\ny\r\n", b"A: b\r\n\r\nx\r\ny\r\n", Defect.BARE_LINE_END),
    "a bare CR becomes CRLF": (b"A: b\r\n\r\nx\ry\r\n", b"A: b\r\n\r\nx\r\ny\r\n", Defect.BARE_LINE_END),
    "a CR at the very end becomes CRLF": (b"A: b\r\n\r\nx\r", b"A: b\r\n\r\nx\r\n", Defect.BARE_LINE_END),
    "CR CR LF is two line ends": (b"A: b\r\n\r\nx\r\r\n", b"A: b\r\n\r\nx\r\n\r\n", Defect.BARE_LINE_END),
    "a NUL byte goes": (b"A: b\0\r\n\r\n\0x\0\r\n", b"A: b\r\n\r\nx\r\n", Defect.NUL),
    "a CR and LF with NUL between are two line ends": (
        b"A: b\r\n\r\nx\r\0\n",
        b"A: b\r\n\r\nx\r\n\r\n",
        Defect.NUL,
        Defect.BARE_LINE_END,
    ),
    "text right behind the header gets its empty line": (
        b"Subject: test\r\ntest\r\n",
        b"Subject: test\r\n\r\ntest\r\n",
        Defect.NO_SEPARATOR,
    ),
    "text without a header gets its empty line": (b"test\r\n", b"\r\ntest\r\n", Defect.NO_SEPARATOR),
    "text whose first line is alone is text": (
        b"A: b\r\nHello,\r\n\r\nhow do you do: well?\r\n",
        b"A: b\r\n\r\nHello,\r\n\r\nhow do you do: well?\r\n",
        Defect.NO_SEPARATOR,
    ),
    "text with colons is text": (
        b"A: b\r\nHello,\r\nnote: this\r\n",
        b"A: b\r\n\r\nHello,\r\nnote: this\r\n",
        Defect.NO_SEPARATOR,
    ),
    "a line among fields becomes a field": (
        b"From a@b.example\r\nSubject: x\r\nfolly\r\n\tmore\r\nTo: c\r\n\r\n",
        b"X-Malformed: From a@b.example\r\nSubject: x\r\nX-Malformed: folly\r\n\tmore\r\nTo: c\r\n\r\n",
        Defect.NO_COLON,
    ),
    "a folded line that continues nothing becomes a field": (
        b" x\r\nTo: c\r\n\r\n",
        b"X-Malformed:  x\r\nTo: c\r\n\r\n",
        Defect.NO_COLON,
    ),
    "8-bit text becomes encoded words": (
        "Subject: Grüße aus Köln now\r\n\r\nü\r\n".encode(),
        "Subject: =?utf-8?b?R3LDvMOfZQ==?= aus =?utf-8?b?S8O2bG4=?= now\r\n\r\nü\r\n".encode(),
        Defect.EIGHT_BIT_HEADER,
    ),
    "a long line of a body is broken before a space": (
        b"\r\n" + b"word " * 200 + b"\r\n",
        b"\r\n" + b"word " * 198 + b"word\r\n word \r\n",
        Defect.LONG_LINE,
    ),
    "a long line without spaces is broken, and given one": (
        b"\r\n" + b"x" * 1500 + b"\r\n",
        b"\r\n" + b"x" * 998 + b"\r\n " + b"x" * 502 + b"\r\n",
        Defect.LONG_LINE,
    ),
    "no character is broken in two": (
        b"\r\n" + "€".encode() * 333 + b"\r\n",
        b"\r\n" + "€".encode() * 332 + b"\r\n " + "€".encode() + b"\r\n",
        Defect.LONG_LINE,
    ),
    "a long field is folded at white space": (
        b"A: " + b"word " * 199 + b"words\r\n\r\n",
        b"A: " + b"word " * 198 + b"word\r\n words\r\n\r\n",
        Defect.LONG_LINE,
    ),
}


@pytest.mark.parametrize(
    ("message", "expected", "defects"), [(c[0], c[1], c[2:]) for c in CASES.values()], ids=CASES
)
def test_what_is_wrong_is_mended_at_its_place(
    message: bytes, expected: bytes, defects: tuple[Defect, ...]
) -> None:
    mending = Mending(utf8=False, most_header_bytes=LIMIT)

    out = mending.take(message) + mending.end()

    assert out == expected
    assert mending.defects == set(defects)


RIGHT = {
    "no body": b"Subject: x\r\n",
    "nothing at all": b"",
    "no header": b"\r\ntext\r\n",
    "no line end at the end": b"Subject: x\r\n\r\ntext",
    "a header without one at the end": b"Subject: x",
    "the longest line": b"\r\n" + b"x" * 998 + b"\r\n",
    "the longest line and no end": b"\r\n" + b"x" * 998,
    "8-bit text": b"A: b\r\n\r\n\xff\xfe\r\n",
    "white space before a colon": b"Subject : x\r\n\r\n",
}


@pytest.mark.parametrize("message", RIGHT.values(), ids=RIGHT)
def test_what_is_right_stays_as_it_is(message: bytes) -> None:
    mending = Mending(utf8=False, most_header_bytes=LIMIT)

    assert mending.take(message) + mending.end() == message
    assert mending.defects == frozenset()


def test_utf_8_in_a_header_is_right_for_a_client_that_asked_for_it() -> None:
    message = "Subject: Grüße\r\n\r\n".encode()
    asked = Mending(utf8=True, most_header_bytes=LIMIT)
    lying = Mending(utf8=True, most_header_bytes=LIMIT)

    assert asked.take(message) == message
    assert lying.take(b"Subject: \xff\r\n\r\n") == b"Subject: =?unknown-8bit?b?/w==?=\r\n\r\n"


def test_a_header_is_too_big_when_it_ends_behind_the_limit() -> None:
    field = b"A: " + b"x" * 90 + b"\r\n"
    exact = Mending(utf8=False, most_header_bytes=len(field) * 10 + 2)
    over = Mending(utf8=False, most_header_bytes=len(field) * 10 + 1)

    exact.take(field * 10 + b"\r\n")
    over.take(field * 10 + b"\r\n")

    assert (exact.header_too_big, over.header_too_big) == (False, True)


def test_a_header_that_does_not_end_is_too_big_before_much_of_it_is_held() -> None:
    mending, taken = Mending(utf8=False, most_header_bytes=LIMIT), 0

    while not mending.header_too_big:
        mending.take(b"A: b\r\n" * 1000)
        taken += 6000

    assert LIMIT <= taken < LIMIT + 10_000


def test_a_header_of_very_many_tiny_fields_is_too_big() -> None:
    most = Mending(utf8=False, most_header_bytes=1 << 20)
    more = Mending(utf8=False, most_header_bytes=1 << 20)

    most.take(b"a:\r\n" * (MOST_HEADER_LINES - 1) + b"\r\n")
    more.take(b"a:\r\n" * MOST_HEADER_LINES + b"\r\n")

    assert (most.header_too_big, more.header_too_big) == (False, True)


def test_a_body_without_header_is_given_on_before_it_ends() -> None:
    mending = Mending(utf8=False, most_header_bytes=LIMIT)

    out = b"".join(mending.take(b"text without any colon\r\n" * 1000) for _ in range(100))

    assert len(out) > 2_000_000


def test_most_awkward_messages_need_no_mending() -> None:
    kept = [name for name, sent in AWKWARD.items() if mended(sent) == sent]

    assert len(kept) > len(AWKWARD) // 2
    assert {"megabytes", "lines of dots", "a folded Subject", "nested multiparts that share a boundary"} < {
        *kept
    }
