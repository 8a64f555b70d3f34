"""Content transfer encodings (RFC 2045 §6), read from whatever real mail wrote, and written by the book."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping

BASE64 = "base64"
QUOTED_PRINTABLE = "quoted-printable"
UUENCODE = "uuencode"

_SYNONYMS = {"x-uuencode": UUENCODE, "uue": UUENCODE, "x-uue": UUENCODE, "quotedprintable": QUOTED_PRINTABLE}
_TOKEN = re.compile(r"[a-z0-9-]+")
_BASE64_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64_CHARACTERS))
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\n]*\n", re.MULTILINE)


def encoding_of(value: bytes) -> str:
    """The name of the encoding that a Content-Transfer-Encoding field means; "" for none."""
    token = _TOKEN.search(value[:100].decode("latin-1").lower())
    return _SYNONYMS.get(token[0], token[0]) if token else ""


def is_encoded(encoding: str) -> bool:
    """Whether content in that encoding differs from the bytes that stand in the message."""
    return encoding in _DECODERS


def decode(raw: bytes, encoding: str, limit: int | None = None) -> bytes:
    """The content of `raw`, of at most `limit` bytes; never raises. Unknown encodings are none.

    What does not belong to the encoding is passed over, and base64 ends with its padding, as mail programs
    have it.
    """
    decoder = _DECODERS.get(encoding)
    if decoder is None:
        return raw[:limit]
    # No encoding takes more than three bytes and a line end for one of content.
    return decoder(raw if limit is None else raw[: limit * 4 + 1024])[:limit]


def encode(content: bytes, encoding: str) -> bytes:
    """The bytes that stand for `content` in a message, in lines that end with CRLF, the last one open."""
    encoder = _ENCODERS.get(encoding)
    return encoder(content) if encoder else content


def _from_base64(raw: bytes) -> bytes:
    # `binascii` passes over line ends faster than `translate` takes them out. The padding is for content
    # that was cut off; where there is enough already, reading has ended before.
    try:
        return binascii.a2b_base64(raw + b"==")
    except binascii.Error:  # one character is left over at the end, which stands for no whole byte
        return binascii.a2b_base64(raw.rstrip(_NOT_BASE64)[:-1])


def _from_uuencode(raw: bytes) -> bytes:
    found = _UU_BEGIN.search(raw)
    start = found.end() if found else 0
    end = raw.find(b"\nend", start)
    return b"".join(map(_from_uu_line, raw[start : None if end < 0 else end].splitlines()))


def _from_uu_line(line: bytes) -> bytes:
    if not line:
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:  # some encoders count wrongly, or leave garbage behind the last character
        length = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[:length])
        except binascii.Error:
            return b""


def _to_base64(content: bytes) -> bytes:
    # 57 bytes make a line of 76 characters (RFC 2045 §6.8).
    lines = (binascii.b2a_base64(content[at : at + 57], newline=False) for at in range(0, len(content), 57))
    return b"\r\n".join(lines)


def _to_quoted_printable(content: bytes) -> bytes:
    # Line ends of content stay line ends only where they are CRLF; `istext` would write others bare.
    lines = (binascii.b2a_qp(line, istext=False) for line in content.split(b"\r\n"))
    return b"\r\n".join(line.replace(b"=\n", b"=\r\n") for line in lines)


def _to_uuencode(content: bytes) -> bytes:
    lines = (binascii.b2a_uu(content[at : at + 45], backtick=True)[:-1] for at in range(0, len(content), 45))
    return b"\r\n".join((b"begin 644 content", *lines, b"`", b"end"))


_DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    BASE64: _from_base64,
    QUOTED_PRINTABLE: binascii.a2b_qp,
    UUENCODE: _from_uuencode,
}
_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    BASE64: _to_base64,
    QUOTED_PRINTABLE: _to_quoted_printable,
    UUENCODE: _to_uuencode,
}
