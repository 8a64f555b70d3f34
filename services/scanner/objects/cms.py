"""Signed, compressed and encrypted messages of S/MIME (RFC 8551), whose content stands inside ASN.1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.scanner.objects import streams
from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, damaged, protected

_SEQUENCE, _OCTETS, _OCTET_PIECES, _OBJECT_ID, _EXPLICIT = 0x30, 0x04, 0x24, 0x06, 0xA0

SIGNED = bytes.fromhex("2a864886f70d010702")
COMPRESSED = bytes.fromhex("2a864886f70d0109100109")
ENCRYPTED = tuple(
    bytes.fromhex(number)
    for number in ("2a864886f70d010703", "2a864886f70d010704", "2a864886f70d010706", "2a864886f70d0109100117")
)

_MOST_DEPTH = 32


class _Broken(Exception):
    """What is no ASN.1."""


@dataclass(frozen=True, slots=True)
class _Value:
    tag: int
    start: int  # of its content
    end: int  # at most, if it is open
    open: bool = False  # it has no length, but an end mark


def open_cms(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """The content that is signed or compressed; of a detached signature there is none."""
    try:
        outer = _read(content, 0, len(content))
        kind = _read(content, outer.start, outer.end)
        number = content[kind.start : kind.end]
        if number in ENCRYPTED:
            yield protected()
            return
        inner = _content_of(content, outer, kind)
        encapsulated = _encapsulated(content, inner)
        named = _read(content, encapsulated.start, encapsulated.end)
        if _is_over(content, named.end, encapsulated.end):
            return
        explicit = _read(content, named.end, encapsulated.end)
        if explicit.tag != _EXPLICIT:
            return
        octets = b"".join(_octets(content, _read(content, explicit.start, explicit.end), _MOST_DEPTH))
    except _Broken as broken:
        yield damaged(str(broken))
        return
    if number != COMPRESSED:
        yield Member(octets, "content.eml")
        return
    try:
        taken, fault, _used = streams.expanded(streams.zlib_stream, memoryview(octets), budget.room)
    except streams.TooLarge:
        yield damaged(budget.refuse(budget.room + 1))
        return
    yield Member(taken, "content.eml")
    if fault:
        yield damaged(fault)


def _content_of(content: bytes, outer: _Value, kind: _Value) -> _Value:
    """The SignedData or CompressedData behind its number."""
    explicit = _read(content, kind.end, outer.end)
    return _read(content, explicit.start, explicit.end)


def _encapsulated(content: bytes, inner: _Value) -> _Value:
    """The first sequence inside that begins with a number of a type: it is what is encapsulated."""
    position = inner.start
    while not _is_over(content, position, inner.end):
        value = _read(content, position, inner.end)
        if value.tag == _SEQUENCE and content[value.start : value.start + 1] == b"\x06":
            # Of compressed data the sequence before it names the algorithm, and has no content.
            first = _read(content, value.start, value.end)
            if content[first.start : first.end].startswith(bytes.fromhex("2a864886f70d0107")):
                return value
        position = _behind(content, value)
    raise _Broken("it encapsulates nothing")


def _octets(content: bytes, value: _Value, depth: int) -> Iterator[bytes]:
    """The bytes of an octet string, in one piece or in several inside each other."""
    if value.tag == _OCTETS:
        yield content[value.start : value.end]
        return
    if value.tag != _OCTET_PIECES or depth == 0:
        raise _Broken("its content is no string")
    position = value.start
    while not _is_over(content, position, value.end):
        piece = _read(content, position, value.end)
        yield from _octets(content, piece, depth - 1)
        position = _behind(content, piece)


def _read(content: bytes, at: int, limit: int) -> _Value:
    """The value that stands at `at` (X.690 §8.1)."""
    if at + 2 > limit:
        raise _Broken("it ends too early")
    tag, length, start = content[at], content[at + 1], at + 2
    if length == 0x80:
        return _Value(tag, start, limit, open=True)
    if length > 0x80:
        count = length & 0x7F
        if count > 8 or start + count > limit:
            raise _Broken("it has a length that cannot be")
        length, start = int.from_bytes(content[start : start + count], "big"), start + count
    return _Value(tag, start, min(start + length, limit))


def _is_over(content: bytes, position: int, end: int) -> bool:
    """Whether nothing more stands in a value."""
    return position >= end or content[position : position + 2] == b"\0\0"


def _behind(content: bytes, value: _Value) -> int:
    """Where the next value stands; behind an open one past its end mark and those of the values inside it."""
    if not value.open:
        return value.end
    open_values, position = 1, value.start
    while position + 2 <= value.end:
        if content[position : position + 2] == b"\0\0":
            open_values -= 1
            position += 2
            if open_values == 0:
                return position
            continue
        inner = _read(content, position, value.end)
        open_values += inner.open
        position = inner.start if inner.open else inner.end
    raise _Broken("a value has no end")
