from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.transfer import decode, encode, encoding_of, is_encoded

ENCODINGS = ("base64", "quoted-printable", "uuencode")


@pytest.mark.parametrize("encoding", [*ENCODINGS, "8bit", "no-such-encoding"])
@given(content=st.binary(max_size=400))
def test_what_is_encoded_decodes_to_the_same_bytes(encoding: str, content: bytes) -> None:
    assert decode(encode(content, encoding), encoding) == content


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(content=st.binary(max_size=400))
def test_encoded_content_stands_in_short_lines_of_ascii(encoding: str, content: bytes) -> None:
    lines = encode(content, encoding).split(b"\r\n")

    assert all(len(line) <= 76 and b"\r" not in line and b"\n" not in line for line in lines)
    assert all(line.isascii() for line in lines)


@pytest.mark.parametrize("encoding", [*ENCODINGS, ""])
@given(raw=st.binary(max_size=200), limit=st.integers(0, 50))
def test_any_bytes_decode_to_something_within_the_limit(encoding: str, raw: bytes, limit: int) -> None:
    assert len(decode(raw, encoding, limit)) <= limit
    assert isinstance(decode(raw, encoding), bytes)


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        (b"QUJD", b"ABC"),
        (b"QUJDR", b"ABC"),
        (b"QUJDR\r\n", b"ABC"),
        (b"QUJDRA", b"ABCD"),
        (b"QUJDRA=", b"ABCD"),
        (b"QU-J_D*RA==", b"ABCD"),
        (b"QUJDRA==\r\nfooter", b"ABCD"),
        (b"QUJD=R==", b"ABC"),
        (b"", b""),
    ],
)
def test_base64_that_is_damaged_gives_its_whole_bytes(raw: bytes, content: bytes) -> None:
    assert decode(raw, "base64") == content


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        (b"begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\nmore\r\n", b"Cat"),
        (b"preface\nbegin 644 a.txt\n#0V%T\n", b"Cat"),
        (b"#0V%T", b"Cat"),
        (b"begin 644 a.txt\n#0V%Tgarbage\n", b"Cat"),
    ],
)
def test_uuencoded_content_is_read_with_and_without_its_frame(raw: bytes, content: bytes) -> None:
    assert decode(raw, "uuencode") == content


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (b" Base64", "base64"),
        (b'"base64"', "base64"),
        (b"base64; x=y", "base64"),
        (b"X-UUE", "uuencode"),
        (b"8bit", "8bit"),
        (b"", ""),
        (b"\xff", ""),
    ],
)
def test_encodings_are_known_by_what_real_mail_calls_them(value: bytes, encoding: str) -> None:
    assert encoding_of(value) == encoding


def test_only_known_encodings_change_content() -> None:
    assert [is_encoded(encoding) for encoding in (*ENCODINGS, "7bit", "8bit", "binary", "", "x")] == [
        True
    ] * 3 + [False] * 5
