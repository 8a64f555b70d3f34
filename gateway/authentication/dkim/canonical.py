"""Canonical forms: what of a message a signature covers, whatever a relay did to its white space.

RFC 6376 §3.4. Line ends are CRLF. Bodies come in pieces cut anywhere, and the result never depends on the
cuts; all work is done by single calls over whole pieces, never line by line.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

_CRLF = b"\r\n"
_MANY_LINE_ENDS = _CRLF * (1 << 15)


class Canonicalization(StrEnum):
    """How much may change on the way."""

    SIMPLE = "simple"  # empty lines at the end
    RELAXED = "relaxed"  # white space, and the case of field names, too


def canonical_field(name: str, field: bytes, colon: int, form: Canonicalization) -> bytes:
    """A whole header field in canonical form, ended by CRLF; `colon` is its place in the field."""
    if form is Canonicalization.SIMPLE:
        return field if field.endswith(_CRLF) else field + _CRLF
    return b"%b:%b\r\n" % (name.lower().encode("ascii"), _relaxed(field[colon + 1 :]))


def _relaxed(value: bytes) -> bytes:
    line = value.replace(_CRLF, b"")
    if b"\t" in line:
        line = line.replace(b"\t", b" ")
    return b" ".join(filter(None, line.split(b" "))) if b"  " in line else line.strip(b" ")


class SimpleBody:
    """Puts a body into the form `simple`, piece by piece (RFC 6376 §3.4.3)."""

    def __init__(self) -> None:
        self._held = b""  # of which nobody knows yet whether it belongs to the end of a line
        self._line_ends = 0  # which may be the last ones

    def take(self, piece: bytes) -> Iterator[bytes]:
        """What is certain of the canonical form once `piece` is known, too."""
        text = self._held + piece
        self._held = b"\r" if text.endswith(b"\r") else b""
        yield from self._with_line_ends(text.removesuffix(b"\r"))

    def end(self) -> Iterator[bytes]:
        """What follows when the body is at its end."""
        yield from self._with_line_ends(self._held)
        yield _CRLF

    def _with_line_ends(self, text: bytes) -> Iterator[bytes]:
        """`text`, where the line ends behind it are only counted until more follows."""
        ends = _line_ends_behind(text)
        if len(text) == 2 * ends:
            self._line_ends += ends
            return
        while self._line_ends:
            lines = _MANY_LINE_ENDS[: 2 * self._line_ends]
            self._line_ends -= len(lines) // 2
            yield lines
        self._line_ends = ends
        yield text[: len(text) - 2 * ends]


class RelaxedBody(SimpleBody):
    """Puts a body into the form `relaxed` (RFC 6376 §3.4.4)."""

    def __init__(self) -> None:
        super().__init__()
        self._empty = True

    def take(self, piece: bytes) -> Iterator[bytes]:
        """What is certain of the canonical form once `piece` is known, too."""
        text = self._held + piece
        if b"\t" in text:
            text = text.replace(b"\t", b" ")
        while b"  " in text:
            text = text.replace(b"  ", b" ")
        self._held = next((end for end in (b" \r", b"\r", b" ") if text.endswith(end)), b"")
        yield from self._with_line_ends(text[: len(text) - len(self._held)].replace(b" \r\n", _CRLF))

    def end(self) -> Iterator[bytes]:
        """What follows when the body is at its end."""
        yield from self._with_line_ends(self._held.rstrip(b" "))
        if not self._empty:
            yield _CRLF

    def _with_line_ends(self, text: bytes) -> Iterator[bytes]:
        for piece in super()._with_line_ends(text):
            self._empty = False
            yield piece


def _line_ends_behind(text: bytes) -> int:
    """How many CRLF stand at the end of `text`."""
    if not text.endswith(_CRLF):
        return 0
    # All of CR and LF at the end: the pairs among them are made one byte each, and counted.
    ending = text[len(text.rstrip(_CRLF)) :].replace(_CRLF, b"\0")
    return len(ending) - len(ending.rstrip(b"\0"))
