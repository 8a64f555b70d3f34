"""TNEF, the `winmail.dat` of Outlook ([MS-OXTNEF]): its attachments, and the texts that it carries."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, damaged, decoded_name

_SIGNATURE_AND_KEY = 6
_HEADER = struct.Struct("<BLL")
_CHECKSUM = 2


class _Attribute(IntEnum):
    BODY = 0x0002800C
    ATTACHMENT_TITLE = 0x00018010
    ATTACHMENT_CONTENT = 0x0006800F
    ATTACHMENT_BEGINS = 0x00069002
    MESSAGE_PROPERTIES = 0x00069003
    ATTACHMENT_PROPERTIES = 0x00069005


_NAMES = (0x3707, 0x3704, 0x3001)  # long file name, file name, display name
_CONTENT = 0x3701
_MIME = 0x370E
_TEXTS = {0x1000: "body.txt", 0x1009: "body.rtf.compressed", 0x1013: "body.html"}

_FIXED = {
    0x0002: 2,
    0x0003: 4,
    0x0004: 4,
    0x0005: 8,
    0x0006: 8,
    0x0007: 8,
    0x000A: 4,
    0x000B: 2,
    0x0014: 8,
    0x0040: 8,
    0x0048: 16,
}
"""Bytes of a value, for types whose values all have as many; each stands in a multiple of four."""
_COUNTED = {0x001E, 0x001F, 0x0102, 0x000D}
_STRING, _WIDE_STRING, _OBJECT = 0x001E, 0x001F, 0x000D
_SEVERAL = 0x1000
_INTERFACE_ID = 16


@dataclass(slots=True)
class _Attachment:
    title: bytes = b""
    contents: list[bytes] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    mime: str = ""

    @property
    def name(self) -> str:
        named = [self.names[tag] for tag in _NAMES if self.names.get(tag)]
        return named[0] if named else decoded_name(self.title.rstrip(b"\0"), "cp1252")


def open_tnef(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """All attachments in their order, then the texts of the message."""
    texts: list[Member] = []
    attachment = _Attachment()
    position = _SIGNATURE_AND_KEY
    while position + _HEADER.size <= len(content):
        budget.check_time()
        _level, attribute, length = _HEADER.unpack_from(content, position)
        start = position + _HEADER.size
        value = content[start : start + length]
        position = start + length + _CHECKSUM
        if len(value) < length:
            yield damaged("it ends too early")
        if attribute == _Attribute.ATTACHMENT_BEGINS:
            yield from _members(attachment)
            attachment = _Attachment()
        try:
            texts += _read(attribute, value, attachment)
        except struct.error:
            yield damaged("its properties cannot be read")
    yield from _members(attachment)
    yield from texts


def _read(attribute: int, value: bytes, attachment: _Attachment) -> list[Member]:
    """Take up what an attribute says of its attachment; the texts that it holds."""
    match attribute:
        case _Attribute.ATTACHMENT_TITLE:
            attachment.title = value
        case _Attribute.ATTACHMENT_CONTENT:
            attachment.contents.append(value)
        case _Attribute.ATTACHMENT_PROPERTIES:
            _read_attachment(value, attachment)
        case _Attribute.MESSAGE_PROPERTIES:
            return [
                Member(text, _TEXTS[tag]) for tag, _, text in _properties(value) if tag in _TEXTS and text
            ]
        case _Attribute.BODY:
            return [Member(value, "body.txt")]
    return []


def _members(attachment: _Attachment) -> Iterator[Member]:
    for content in attachment.contents:
        yield Member(content, attachment.name, attachment.mime)


def _read_attachment(value: bytes, attachment: _Attachment) -> None:
    for tag, kind, content in _properties(value):
        if tag in _NAMES:
            attachment.names[tag] = _text(kind, content)
        elif tag == _MIME:
            attachment.mime = _text(kind, content).lower()
        elif tag == _CONTENT:
            # An object stands behind the id of its interface; an attached message is a TNEF of its own.
            attachment.contents.append(content[_INTERFACE_ID:] if kind == _OBJECT else content)


def _text(kind: int, content: bytes) -> str:
    if kind == _WIDE_STRING:
        return content.decode("utf-16-le", "replace").rstrip("\0")
    return decoded_name(content.rstrip(b"\0"), "cp1252")


def _properties(value: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Tag, type and content of the MAPI properties of an attribute, as far as they can be read."""
    if len(value) < 4:
        return
    (count,) = struct.unpack_from("<L", value)
    position = 4
    for _ in range(min(count, len(value) // 4)):
        if position + 4 > len(value):
            return
        kind, tag = struct.unpack_from("<HH", value, position)
        position += 4
        if tag >= 0x8000:  # it has a name: the id of a set, then a number or a text
            (by_text,) = struct.unpack_from("<L", value, position + 16)
            position += 20
            length = struct.unpack_from("<L", value, position)[0] if by_text else 0
            position += 4 + _padded(length)
        base = kind & ~_SEVERAL
        several = kind & _SEVERAL or base in _COUNTED
        values = struct.unpack_from("<L", value, position)[0] if several else 1
        position += 4 if several else 0
        for _ in range(min(values, len(value))):
            if base in _COUNTED:
                length = struct.unpack_from("<L", value, position)[0]
                position += 4
            elif base in _FIXED:
                length = _FIXED[base]
            else:
                return
            if position >= len(value):
                return
            yield tag, base, value[position : position + length]
            position += _padded(length)


def _padded(length: int) -> int:
    return (length + 3) & ~3
