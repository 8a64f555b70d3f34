"""Header fields by their place in the bytes, so that one can be changed and all others stay as they came.

Tolerant of what real mail holds: LF alone as line end (inside decoded attached messages), 8-bit bytes,
lines that are no field. Lines that are no field belong to none and are left alone.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import Header, decode_header

MOST_HEADER_BYTES = 1 << 20
"""A header block is looked for in this many bytes; real ones have a few thousand."""

MOST_DECODED_BYTES = 1 << 13
"""Longer values are shown as written: looking for encoded words takes time by the square of the length."""

_NO_CHARSETS = frozenset({"idna", "palmos", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""What Python decodes by name although no mail reader does."""

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*+)(?:\n|\Z)", re.MULTILINE)
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(=\?)")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: bytes `start` to `end` of the message, its line end included."""

    name: str  # as written; compare with `is_named`
    start: int
    value_start: int  # behind the colon
    end: int

    def is_named(self, name: str) -> bool:
        """Whether this is a field of that name (RFC 5322 §1.2.2: case does not count)."""
        return self.name.lower() == name.lower()


def header_end(message: bytes, start: int = 0, end: int | None = None) -> int:
    """Where the header block that begins at `start` ends: behind the empty line, or at the end.

    A message that begins with an empty line has no header.
    """
    limit = len(message) if end is None else end
    for empty in (b"\r\n", b"\n"):
        if message.startswith(empty, start):
            return start + len(empty)

    found = _BLANK_LINE.search(message, start, min(limit, start + MOST_HEADER_BYTES))
    return found.end() if found else min(limit, start + MOST_HEADER_BYTES)


def fields(message: bytes, start: int = 0, end: int | None = None) -> tuple[Field, ...]:
    """All fields of the header block that begins at `start`, in order."""
    block_end = header_end(message, start, end)
    # A copy of the block alone: `^` and `\Z` then mean its lines and its end.
    block = message[start:block_end]
    return tuple(_field(match, start) for match in _FIELD.finditer(block))


class FieldsByName:
    """The fields of a header block by their names; those that nobody asks for cost next to nothing."""

    def __init__(self, block: bytes) -> None:
        self._matches: dict[bytes, list[re.Match[bytes]]] = {}
        for match in _FIELD.finditer(block[: header_end(block)]):
            self._matches.setdefault(match[1].lower(), []).append(match)

    def named(self, name: str) -> tuple[Field, ...]:
        """Those of one name, in order."""
        return tuple(_field(match) for match in self._matches.get(name.lower().encode(), ()))


def named(all_fields: Iterable[Field], name: str) -> Iterator[Field]:
    """The fields of one name, in order."""
    return (field for field in all_fields if field.is_named(name))


def raw_value(message: bytes, field: Field) -> bytes:
    """The value as it stands, without the white space around it."""
    return message[field.value_start : field.end].strip()


def text_value(message: bytes, field: Field) -> str:
    """The value as a person reads it: unfolded, its encoded words decoded."""
    return decode_words(raw_value(message, field))


def decode_words(value: bytes) -> str:
    """Decode encoded words (RFC 2047); what cannot be decoded stays as it is written.

    Unencoded 8-bit bytes are read as UTF-8 (RFC 6532), or else as Latin-1, so nothing gets lost.
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    text = _FOLD.sub("", text)
    if "=?" not in text or len(value) > MOST_DECODED_BYTES:
        return text
    try:
        words = decode_header(_BETWEEN_WORDS.sub(r"\1 \2", text))
    except (HeaderParseError, ValueError):
        return text
    decoded = "".join(_decoded(content, charset) for content, charset in words)
    # Some charsets can spell half a surrogate pair, which no text may hold.
    return decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def decode_charset(content: bytes, charset: str) -> str:
    """Text from bytes in a charset that a message names. `LookupError` or `ValueError` when it is not."""
    if codecs.lookup(charset).name in _NO_CHARSETS:
        raise LookupError(f"{charset} is no charset")
    return content.decode(charset)


def _field(match: re.Match[bytes], offset: int = 0) -> Field:
    whole, _, value = match.regs
    return Field(match[1].decode("ascii"), offset + whole[0], offset + value[0], offset + whole[1])


def _decoded(content: bytes | str, charset: str | None) -> str:
    if isinstance(content, str):
        return content
    try:
        # The stdlib gives text between encoded words as raw-unicode-escape bytes without a charset.
        return decode_charset(content, charset) if charset else content.decode("raw-unicode-escape")
    except (LookupError, ValueError):  # some charsets refuse by other ValueErrors than UnicodeDecodeError
        return content.decode("latin-1")


def encode_field(name: str, text: str) -> bytes:
    """A whole field, folded and ended by CRLF; text beyond ASCII becomes encoded words (RFC 2047)."""
    charset = "us-ascii" if text.isascii() else "utf-8"
    safe = " ".join(text.split("\r")).replace("\n", " ")
    value = Header(safe, charset, header_name=name, maxlinelen=78).encode(linesep="\r\n")
    return f"{name}: {value}\r\n".encode("ascii")
