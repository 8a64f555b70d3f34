"""What an old Word document is tied to outside itself: its template, and the sources of a form letter.

They stand in a list of strings ([MS-DOC] `SttbfAssoc`), at a place that the head of the text names: in a
stream of tables, and before Word 97 in the text itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from services.scanner.cure.xml import Incurable

TIES = frozenset({1, 8, 9})
"""Which strings lead outside: template, data of a form letter, and the document with its header."""

_HEAD = struct.Struct("<HH6xH")  # wIdent, nFib, and the bits of which one names the table stream
_PLACE = struct.Struct("<LL")
_WORD_97 = 0x00C1  # the first nFib of the present layout
_PLACE_97, _PLACE_BEFORE = 0x019A, 0x0158  # of fcSttbfAssoc
_SECOND_TABLE = 0x0200  # fWhichTblStm
_MOST_BYTES = 0xFFFF  # the length of all must fit before them
_WIDE = b"\xff\xff"  # fExtend


@dataclass(frozen=True, slots=True)
class Place:
    """Where the strings stand."""

    stream: str  # lower case
    start: int
    end: int
    wide: bool  # UTF-16 behind counts, else bytes behind a length


def ties_of(text: bytes) -> Place | None:
    """Where the document with this text has its ties; None when it names no place."""
    if len(text) < _HEAD.size:
        return None
    _, version, bits = _HEAD.unpack_from(text)
    is_present = version >= _WORD_97
    at = _PLACE_97 if is_present else _PLACE_BEFORE
    if len(text) < at + _PLACE.size:
        return None
    start, length = _PLACE.unpack_from(text, at)
    if not length:
        return None
    table = "1table" if bits & _SECOND_TABLE else "0table"
    return Place(table if is_present else "worddocument", start, start + length, is_present)


def without_ties(stream: bytes, place: Place) -> bytes:
    """The stream with strings in that place that lead nowhere, as long as it was.

    Raises `Incurable` when there are no such strings.
    """
    strings = stream[place.start : place.end]
    if len(strings) < place.end - place.start:
        raise Incurable("its strings lie outside of it")
    untied = _untied_wide(strings) if place.wide else _untied_bytes(strings)
    return stream[: place.start] + untied.ljust(len(strings), b"\0") + stream[place.end :]


def _untied_wide(strings: bytes) -> bytes:
    if strings[:2] != _WIDE or len(strings) < 6:
        raise Incurable("its strings are of an unknown form")
    count, extra = struct.unpack_from("<HH", strings, 2)
    made, position = strings[:6], 6
    for number in range(count):
        size = 2 + 2 * int.from_bytes(strings[position : position + 2], "little") + extra
        string = strings[position : position + size]
        if len(string) < size:
            raise Incurable("its strings end too early")
        made += b"\0\0" + string[size - extra :] if number in TIES else string
        position += size
    return made


def _untied_bytes(strings: bytes) -> bytes:
    """Before Word 97: the length of all, then strings behind a byte with the length of each."""
    if not 2 <= len(strings) <= _MOST_BYTES:
        raise Incurable("its strings are of an unknown form")
    made, position, number = b"", 2, 0
    while position < len(strings):
        size = 1 + strings[position]
        string = strings[position : position + size]
        if len(string) < size:
            raise Incurable("its strings end too early")
        made += b"\0" if number in TIES else string
        position, number = position + size, number + 1
    return struct.pack("<H", 2 + len(made)) + made
