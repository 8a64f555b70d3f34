"""Text of Office documents: the zipped ones of Microsoft and OpenDocument, and the older ones of Word."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from html import unescape
from types import MappingProxyType

from services.antispam.message import Source
from services.antispam.reading.documents import LONGEST_TEXT, MOST_REFERENCES, Document, Unreadable
from services.antispam.reading.html import Reference
from services.antispam.reading.plain import lines

MOST_XML = 4 << 20
"""Bytes of XML that come out of one document."""

MOST_FILES = 2000
"""Files in one document: its directory may not be longer."""

MOST_READ = 64
"""Files in one document that are read."""

_TEXTS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": re.compile(
            r"word/(?:document|header\d*|footer\d*|footnotes)\.xml"
        ),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": re.compile(
            r"xl/(?:sharedStrings|drawings/drawing\d+)\.xml"
        ),
        "application/vnd.openxmlformats-officedocument.presentationml.presentation": re.compile(
            r"ppt/slides/slide\d+\.xml"
        ),
        "application/vnd.oasis.opendocument.text": re.compile(r"content\.xml"),
        "application/vnd.oasis.opendocument": re.compile(r"content\.xml"),
    }
) | {
    "application/vnd.ms-word.document.macroenabled.12": re.compile(r"word/document\.xml"),
    "application/vnd.ms-excel.sheet.macroenabled.12": re.compile(r"xl/sharedStrings\.xml"),
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": re.compile(r"ppt/slides/slide\d+\.xml"),
}
ZIPPED = frozenset(_TEXTS)
"""The types of zipped documents that are read."""

_RELATIONS = re.compile(r"(?:word|ppt|xl)/(?:[a-z]+/)?_rels/[\w.]+\.rels")
_LINE_END = re.compile(r"</(?:w:p|a:p|si|text:p|text:h|w:tr)>|<(?:w:br|text:line-break|w:tab)[^<>]{0,200}/>")
_CELL_END = re.compile(r"</(?:w:tc|t|table:table-cell)>")
_TAG = re.compile(r"<[^<>]*>")
_OUTSIDE = re.compile(
    r"""(?:Target|xlink:href)\s?=\s?["']((?:https?:|file:|\\\\|ftp:)[^"'<>]{1,2048})""", re.IGNORECASE
)


def read_zipped(content: bytes, mime: str) -> Document:
    """The text of a document of one of the types of `ZIPPED`. Raises `Unreadable`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if len(archive.infolist()) > MOST_FILES:
                raise Unreadable("it has too many files")
            xml = list(_files(archive, _TEXTS[mime]))
            relations = list(_files(archive, _RELATIONS))
    except (
        zipfile.BadZipFile,
        NotImplementedError,  # packed in a way that the library does not know
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        zlib.error,
    ) as error:
        raise Unreadable(str(error)[:100] or type(error).__name__) from error
    targets = [target for one in (*xml, *relations) for target in _OUTSIDE.findall(one)]
    return Document(
        "\n".join(map(_text, xml))[:LONGEST_TEXT],
        tuple(
            Reference(unescape(one), Source.ATTACHMENT) for one in dict.fromkeys(targets[:MOST_REFERENCES])
        ),
    )


def read_word(content: bytes) -> Document:
    """The text of a document of Word 6 to 2003. Raises `Unreadable`."""
    import legacy_doc  # when the first document comes: only confined processes need it

    try:
        text = legacy_doc.extract_text(content).text
    except Exception as error:  # it raises many sorts for what is damaged
        raise Unreadable(str(error)[:100] or type(error).__name__) from error
    return Document(lines(text)[:LONGEST_TEXT])


def _files(archive: zipfile.ZipFile, wanted: re.Pattern[str]) -> Iterator[str]:
    """The XML of the files whose names are `wanted`, together not more than `MOST_XML`."""
    room = MOST_XML
    names = [one for one in archive.namelist() if wanted.fullmatch(one)]
    for name in names[:MOST_READ]:
        with archive.open(name) as file:
            xml = file.read(room)
        room -= len(xml)
        yield xml.decode("utf-8", "replace")
        if room <= 0:
            return


def _text(xml: str) -> str:
    return lines(unescape(_TAG.sub("", _CELL_END.sub(" ", _LINE_END.sub("\n", xml.replace("\n", " "))))))
