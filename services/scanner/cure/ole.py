"""Macros, objects, DDE and templates out of old Office documents ([MS-CFB], [MS-DOC], [MS-XLS], [MS-PPT]).

Nothing is moved and no length changes: what does harm is overwritten where it stands. A macro project, or an
object, is a stream without content then, and the document around it is as it was.
"""

from __future__ import annotations

import io
import re
import struct

import olefile

from services.scanner.cure.word import ties_of, without_ties
from services.scanner.cure.xml import Incurable

_MACRO_STORAGES = frozenset({"macros", "_vba_project_cur", "vba"})
_OBJECT_STORAGES = re.compile(r"(?:objectpool|mbd[0-9a-f]+|msodatastore)$", re.IGNORECASE)
_OBJECT_STREAMS = frozenset(
    {"\x01ole10native", "package", "contents", "embeddedodf", "\x03ocxdata", "\x03ocxname", "ocxdata"}
)
_PREVIEWS = ("\x02olepres", "\x03objinfo", "\x03epr", "\x03pict", "\x03meta")
_WORKBOOKS = frozenset({"workbook", "book"})
_SLIDES = "powerpoint document"
_TEXT = "worddocument"

_WORDS = (b"DDEAUTO", b"DDE", b"LINK", b"INCLUDETEXT", b"INCLUDEPICTURE")
_FIELD = re.compile(rb"\x13[^\x13\x14\x15\0]{0,4}(?:%s)[^\x13\x14\x15\0]*" % b"|".join(_WORDS), re.IGNORECASE)
_WIDE_FIELD = re.compile(
    rb"\x13\0(?:[^\x13\x14\x15]\0){0,4}(?:%s)(?:[^\x13\x14\x15][\0-\xff])*"
    % b"|".join(b"".join(b"%c\0" % letter for letter in word) for word in _WORDS),
    re.IGNORECASE,
)
_LETTER = re.compile(rb"[A-Za-z0-9.\\/:]")
_DDE = b"\x03"  # between program and topic in the name of a linked workbook

# Records of a workbook ([MS-XLS] §2.3) and of a presentation ([MS-PPT] §2.13.24).
_BOF, _FILE_PASS, _SUPBOOK = 0x0809, 0x002F, 0x01AE
_MACRO_SHEET = 0x0040
_EXTERNAL_OBJECT = 0x1011
_CONTAINER = 0xF

_RECORD = struct.Struct("<HH")
_SLIDE_RECORD = struct.Struct("<HHL")


def disarm_ole(content: bytes) -> bytes | None:
    """The document without what can do harm, byte for byte as long as it was; None if that cannot be."""
    made = io.BytesIO(content)
    try:
        with olefile.OleFileIO(made, write_mode=True) as document:
            for path in document.listdir(streams=True, storages=False):
                stream = document.openstream(path).read()
                disarmed = _disarmed(path, stream)
                if disarmed != stream:
                    document.write_stream(path, disarmed)
            _untie(document)
            return made.getvalue()
    except (Incurable, OSError, ValueError, IndexError, AssertionError):  # of a file that is broken
        return None


def _untie(document: olefile.OleFileIO[str]) -> None:
    """A text is tied to no template and no other document."""
    names = {path[0].lower(): path[0] for path in document.listdir() if len(path) == 1}
    if _TEXT not in names:
        return
    place = ties_of(document.openstream(names[_TEXT]).read())
    if place is not None and place.stream in names:
        name = names[place.stream]
        document.write_stream(name, without_ties(document.openstream(name).read(), place))


def _disarmed(path: list[str], stream: bytes) -> bytes:
    """A stream of the same length."""
    folders, name = [step.lower() for step in path[:-1]], path[-1].lower()
    if _MACRO_STORAGES.intersection(folders) or name in _OBJECT_STREAMS:
        return bytes(len(stream))
    if any(map(_OBJECT_STORAGES.match, folders)) and not name.startswith(_PREVIEWS):
        return bytes(len(stream))
    if folders:
        return stream
    if name == _TEXT:
        return _WIDE_FIELD.sub(_blank, _FIELD.sub(_blank, stream))
    if name in _WORKBOOKS:
        return _workbook(stream)
    return _slides(stream) if name == _SLIDES else stream


def _blank(field: re.Match[bytes]) -> bytes:
    """A field that says nothing: its mark stays, since others count them."""
    if field[0][1:2] == b"\0":
        return field[0][:2] + b" \0" * ((len(field[0]) - 2) // 2) + b" " * (len(field[0]) % 2)
    return field[0][:1] + b" " * (len(field[0]) - 1)


def _workbook(stream: bytes) -> bytes:
    """Records of a workbook, with DDE links that lead nowhere."""
    made, position = bytearray(stream), 0
    while position + _RECORD.size <= len(stream):
        kind, length = _RECORD.unpack_from(stream, position)
        start = position + _RECORD.size
        content = stream[start : start + length]
        if kind == _FILE_PASS:
            raise Incurable("it is encrypted")
        if kind == _BOF and int.from_bytes(content[2:4], "little") == _MACRO_SHEET:
            raise Incurable("it has sheets of macros")
        if kind == _SUPBOOK and _DDE in content[5:]:
            made[start + 5 : start + length] = _LETTER.sub(b"x", content[5:])
        position = start + length
    return bytes(made)


def _slides(stream: bytes) -> bytes:
    """Records of a presentation, with objects that are empty."""
    made, position = bytearray(stream), 0
    while position + _SLIDE_RECORD.size <= len(stream):
        version, kind, length = _SLIDE_RECORD.unpack_from(stream, position)
        position += _SLIDE_RECORD.size
        if version & 0xF == _CONTAINER:
            continue  # what it holds comes next
        if kind == _EXTERNAL_OBJECT:
            end = min(position + length, len(stream))
            made[position:end] = bytes(end - position)
        position += length
    return bytes(made)
