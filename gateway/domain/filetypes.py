"""Names the true type of a content, as a MIME type: for people, records and filters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from gateway.domain.kinds import Found, Kind

_PROGRAM = "application/vnd.microsoft.portable-executable"

_BY_START: Mapping[bytes, str] = MappingProxyType(
    {
        b"MZ": _PROGRAM,
        b"\x7fELF": "application/x-executable",
        b"\xca\xfe\xba\xbe": "application/java-vm",
        b"\xcf\xfa\xed\xfe": "application/x-mach-binary",
        b"\xce\xfa\xed\xfe": "application/x-mach-binary",
        b"L\0\0\0\x01\x14\x02\0": "application/x-ms-shortcut",
        b"\xff\xd8\xff": "image/jpeg",
        b"\x89PNG\r\n\x1a\n": "image/png",
        b"GIF87a": "image/gif",
        b"GIF89a": "image/gif",
        b"BM": "image/bmp",
        b"II*\0": "image/tiff",
        b"MM\0*": "image/tiff",
        b"\xd7\xcd\xc6\x9a": "image/wmf",
        b"\x01\0\0\0\x6c\0\0\0": "image/emf",
        b"%!PS": "application/postscript",
        b"OggS": "audio/ogg",
        b"ID3": "audio/mpeg",
        b"fLaC": "audio/flac",
        b"FWS": "application/x-shockwave-flash",
        b"CWS": "application/x-shockwave-flash",
        b"ZWS": "application/x-shockwave-flash",
        b"#!": "text/x-shellscript",
        b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d": "application/onenote",
    }
)
_STARTS = tuple(_BY_START)

_BY_PLACE = (
    (b"RIFF", 8, b"WAVE", "audio/wav"),
    (b"RIFF", 8, b"AVI ", "video/x-msvideo"),
    (b"RIFF", 8, b"WEBP", "image/webp"),
    (b"", 4, b"ftyp", "video/mp4"),
)

# What a ZIP or an OLE file is can be read from the names of what it holds.
_IN_ZIP = (
    (b"word/document", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/workbook", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/presentation", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
    (b"mimetypeapplication/vnd.oasis.opendocument", "application/vnd.oasis.opendocument"),
    (b"mimetypeapplication/epub+zip", "application/epub+zip"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
)
_MACROS = b"vbaProject.bin"
_WITH_MACROS: Mapping[str, str] = MappingProxyType(
    {
        _IN_ZIP[0][1]: "application/vnd.ms-word.document.macroenabled.12",
        _IN_ZIP[1][1]: "application/vnd.ms-excel.sheet.macroenabled.12",
        _IN_ZIP[2][1]: "application/vnd.ms-powerpoint.presentation.macroenabled.12",
    }
)
_IN_OLE = (
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("VisioDocument", "application/vnd.visio"),
    ("EncryptedPackage", "application/x-ooxml-protected"),
)
_MSI_CLASS = bytes.fromhex("84100c0000000000c000000000000046")
_OLE_ROOT = "Root Entry".encode("utf-16-le")

_MARKUP = re.compile(
    rb"\s{0,64}(?:\xef\xbb\xbf)?\s{0,64}<(!doctype html|html|head|body|script|svg|\?xml)", re.IGNORECASE
)
_BY_MARKUP: Mapping[bytes, str] = MappingProxyType({b"svg": "image/svg+xml", b"?xml": "text/xml"})


def true_type(content: bytes, found: tuple[Found, ...]) -> str:
    """The MIME type that the bytes of `content` tell, "" when they tell none. `found` are its kinds."""
    first = found[0] if found and found[0].start == 0 else None
    match first.kind if first else None:
        case Kind.ZIP:
            return _type_of_zip(content)
        case Kind.OLE:
            return _type_of_ole(content)
        case Kind():
            return str(first.kind).partition(";")[0] if first else ""
    if content.startswith(_STARTS):
        return next(mime for start, mime in _BY_START.items() if content.startswith(start))
    for start, place, mark, mime in _BY_PLACE:
        if content.startswith(start) and content.startswith(mark, place):
            return mime
    markup = _MARKUP.match(content)
    if markup:
        return _BY_MARKUP.get(markup[1].lower(), "text/html")
    return str(found[0].kind).partition(";")[0] if found else ""


def _type_of_zip(content: bytes) -> str:
    inside = next((mime for mark, mime in _IN_ZIP if mark in content), None)
    if inside is None:
        return str(Kind.ZIP)
    return _WITH_MACROS.get(inside, inside) if _MACROS in content else inside


def _type_of_ole(content: bytes) -> str:
    root = content.find(_OLE_ROOT)
    if root >= 0 and content[root + 80 : root + 96] == _MSI_CLASS:
        return "application/x-msi"
    for stream, mime in _IN_OLE:
        if stream.encode("utf-16-le") in content:
            return mime
    return str(Kind.OLE)
