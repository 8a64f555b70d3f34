"""Content transfer encodings (RFC 2045 §6), read from whatever real mail wrote, and written by the book."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator, Mapping

BASE64 = "base64"
QUOTED_PRINTABLE = "quoted-printable"
UUENCODE = "uuencode"

_SYNONYMS = {"x-uuencode": UUENCODE, "uue": UUENCODE, "x-uue": UUENCODE, "quotedprintable": QUOTED_PRINTABLE}
_TOKEN = re.compile(r"[a-z0-9-]+")
_BASE64_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64_CHARACTERS))
_LONGEST_FIELD = 200
_LONGEST_END = 64
_PADDING = re.compile(rb"=[=\s]*")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_NO_BASE64_LINE = re.compile(rb"[^A-Za-z0-9+/=\s]")
_BASE64_LINES = re.compile(rb"^(?:[A-Za-z0-9+/]{4}){5,}\r?$", re.MULTILINE)
_NOT_QUOTED = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n|\Z)")
_BLANK_AFTER_BREAK = re.compile(rb"=[ \t]+\r?\n")
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\n]*\n", re.MULTILINE)


def encoding_of(value: bytes) -> str:
    """The name of the encoding that a Content-Transfer-Encoding field means; "" for none."""
    token = _TOKEN.search(value[:_LONGEST_FIELD].decode("latin-1").lower())
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


def readings(raw: bytes, encoding: str) -> tuple[bytes, ...]:
    """All contents that mail programs make of `raw`: first that of `decode`, mostly the only one."""
    content = decode(raw, encoding)
    others = _OTHER_READERS.get(encoding)
    if others is None:
        return (content,)
    return tuple(dict.fromkeys((content, *others(raw, content))))


def encodings_in(value: bytes) -> tuple[str, ...]:
    """All encodings that somebody could read from a field, whatever else is in it."""
    words = _TOKEN.findall(value[:_LONGEST_FIELD].decode("latin-1").lower())
    known = (_SYNONYMS.get(word, word) for word in words)
    return tuple(dict.fromkeys(encoding for encoding in known if encoding in _DECODERS))


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


def _other_base64(raw: bytes, content: bytes) -> Iterator[bytes]:
    """What others make of base64 that is not by the book: they end elsewhere, or begin elsewhere."""
    characters = len(raw) - raw.count(b"\n") - raw.count(b"\r")
    padding = len(raw) - len(raw.rstrip(b"=\r\n")) and raw[-_LONGEST_END:].count(b"=")
    if len(content) == characters * 3 // 4 - padding and characters % 4 == 0:
        return
    pieces = [piece.translate(None, _NOT_BASE64) for piece in _PADDING.split(raw)]
    yield b"".join(map(_from_base64, pieces))  # padding ends a piece, and another follows
    yield _from_base64(b"".join(pieces))  # padding is passed over like any other character
    yield _from_base64(raw.translate(_URL_SAFE))
    stop = _NO_BASE64_LINE.search(raw)
    if stop:
        yield _from_base64(raw[: stop.start()])  # what is not base64 ends it
    yield b"".join(_from_base64(line) for line in raw.splitlines())  # every line begins anew
    first = _BASE64_LINES.search(raw)
    if first and first.start():
        yield _from_base64(raw[first.start() :])  # it begins with the first line that is all base64


def _other_quoted_printable(raw: bytes, content: bytes) -> Iterator[bytes]:
    """What others make of an equals sign with no digits behind it, or with blanks before the line end."""
    if _BLANK_AFTER_BREAK.search(raw):
        yield binascii.a2b_qp(_BLANK_AFTER_BREAK.sub(b"=\n", raw))
    if _NOT_QUOTED.search(raw):
        yield binascii.a2b_qp(_NOT_QUOTED.sub(b"", raw))
        yield binascii.a2b_qp(_NOT_QUOTED.sub(b"=3D", raw))


def _from_uuencode(raw: bytes) -> bytes:
    found = _UU_BEGIN.search(raw)
    start = found.end() if found else 0
    end = raw.find(b"\nend", start)
    return uudecoded(raw[start : None if end < 0 else end])


def uudecoded(lines: bytes) -> bytes:
    """The content of uuencoded lines, without the `begin` before them; never raises."""
    return b"".join(map(_from_uu_line, lines.splitlines()))


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
_OTHER_READERS: Mapping[str, Callable[[bytes, bytes], Iterator[bytes]]] = {
    BASE64: _other_base64,
    QUOTED_PRINTABLE: _other_quoted_printable,
}
_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    BASE64: _to_base64,
    QUOTED_PRINTABLE: _to_quoted_printable,
    UUENCODE: _to_uuencode,
}
