"""OLE compound files ([MS-CFB]): old Office documents, Outlook's .msg, installers, embedded objects."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.scanner.objects import streams
from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, damaged, decoded_name, protected

if TYPE_CHECKING:
    import olefile

_MACRO = re.compile(rb"\x01[\0-\xff][\xb0-\xbf]\0Attribut")
"""How the compressed source of a module begins ([MS-OVBA] §2.4.1, §3.4)."""

_SLIDE_OBJECT = re.compile(rb"\x10\x00\x11\x10(....)....(?=\x78)", re.DOTALL)
"""A compressed object in a presentation: record ExOleObjStg, its length, its size ([MS-PPT] §2.10.34)."""

_LONGEST_RECORD_WALK = 1 << 20
_FILE_PASS = 0x002F
_ENCRYPTED_PRESENTATION = b"\xdf\xc4\xd1\xf3"


def open_ole(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """All streams, and what is packed or compressed within them; macros as their source."""
    import olefile  # when the first document comes: only confined processes need it

    ole: olefile.OleFileIO[str] = olefile.OleFileIO(io.BytesIO(content))
    with ole:
        if _is_encrypted(ole):
            yield protected()
        for path in ole.listdir(streams=True, storages=False):
            budget.check_time()
            name = "/".join(path)
            size = ole.get_size(path)
            if size > budget.room:
                yield damaged(budget.refuse(size), name)
                continue
            stream = ole.openstream(path).read()
            yield Member(stream, name)
            if path[-1] == "\x01Ole10Native":
                yield from packaged(stream[4:])
            for macro in _MACRO.finditer(stream):
                yield Member(_decompressed(stream, macro.start(), budget.room), f"{name}.bas")
            if path[-1] == "PowerPoint Document":
                yield from _slide_objects(stream, budget)


def packaged(native: bytes) -> Iterator[Member | Fault]:
    """The file that the Object Packager put into a document, without the length before it."""
    try:
        label, position = _text(native, 2)
        _source, position = _text(native, position)
        position += 4
        (path_length,) = struct.unpack_from("<L", native, position)
        position += 4 + path_length
        (size,) = struct.unpack_from("<L", native, position)
    except (struct.error, ValueError):
        return  # the stream itself is an object already, in whatever form it is
    position += 4
    yield Member(native[position : position + size], label)
    if position + size > len(native):
        yield damaged("it ends too early", label)


def _text(native: bytes, start: int) -> tuple[str, int]:
    end = native.index(b"\0", start)
    return decoded_name(native[start:end], "cp1252"), end + 1


def _is_encrypted(ole: olefile.OleFileIO[str]) -> bool:
    """Whether the document of the file opens with a password alone."""
    if ole.exists("EncryptedPackage") or ole.exists("EncryptedSummary"):
        return True
    if ole.exists("WordDocument"):
        base = ole.openstream("WordDocument").read(12)
        return len(base) == 12 and bool(base[11] & 1)  # fEncrypted ([MS-DOC] §2.5.2)
    if ole.exists("Current User"):
        return _ENCRYPTED_PRESENTATION in ole.openstream("Current User").read(64)
    book = next((name for name in ("Workbook", "Book") if ole.exists(name)), None)
    return book is not None and _has_file_pass(ole.openstream(book).read(_LONGEST_RECORD_WALK))


def _has_file_pass(records: bytes) -> bool:
    """Whether the record that says how a workbook is encrypted stands among the first ([MS-XLS] §2.4.117)."""
    position = 0
    while position + 4 <= len(records):
        kind, length = struct.unpack_from("<HH", records, position)
        if kind == _FILE_PASS:
            return True
        if kind == 0x000A:  # the end of the globals
            return False
        position += 4 + length
    return False


def _slide_objects(stream: bytes, budget: Budget) -> Iterator[Member | Fault]:
    for number, record in enumerate(_SLIDE_OBJECT.finditer(stream), 1):
        (length,) = struct.unpack("<L", record[1])
        packed = memoryview(stream)[record.end() : record.end() + length - 4]
        try:
            taken, fault, _used = streams.expanded(streams.zlib_stream, packed, budget.room)
        except streams.TooLarge:
            yield damaged(budget.refuse(budget.room + 1))
            continue
        yield Member(taken, f"object {number}")
        if fault:
            yield damaged(fault, f"object {number}")


def _decompressed(stream: bytes, start: int, room: int) -> bytes:
    """The source of a macro, as far as it can be read ([MS-OVBA] §2.4.1.3.1)."""
    plain = bytearray()
    position = start + 1
    while position + 2 <= len(stream) and len(plain) < room:
        (header,) = struct.unpack_from("<H", stream, position)
        if header >> 12 & 7 != 3:
            break
        end = min(position + (header & 0xFFF) + 3, len(stream))
        chunk = stream[position + 2 : end]
        plain += _decompressed_chunk(chunk) if header & 0x8000 else chunk
        position = end
    return bytes(plain)


def _decompressed_chunk(chunk: bytes) -> bytes:
    plain = bytearray()
    position = 0
    while position < len(chunk):
        flags = chunk[position]
        position += 1
        for bit in range(8):
            if position >= len(chunk):
                break
            if not flags >> bit & 1:
                plain.append(chunk[position])
                position += 1
                continue
            if position + 2 > len(chunk) or not plain:
                return bytes(plain)
            (token,) = struct.unpack_from("<H", chunk, position)
            position += 2
            offset_bits = max((len(plain) - 1).bit_length(), 4)
            length = (token & 0xFFFF >> offset_bits) + 3
            offset = (token >> 16 - offset_bits) + 1
            if offset > len(plain):
                return bytes(plain)
            for _ in range(length):
                plain.append(plain[-offset])
    return bytes(plain)


def open_active_mime(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """The OLE file that Office puts into documents saved as web pages, compressed behind a header."""
    at = content.find(b"\x78", 0x20, 0x80)
    if at < 0:
        yield damaged("it has no content")
        return
    try:
        taken, fault, _used = streams.expanded(streams.zlib_stream, memoryview(content)[at:], budget.room)
    except streams.TooLarge:
        yield damaged(budget.refuse(budget.room + 1))
        return
    yield Member(taken)
    if fault:
        yield damaged(fault)
