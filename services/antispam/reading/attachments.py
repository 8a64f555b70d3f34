"""What is attached to a message, as text: each kind of file by its own reader, and none for long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.domain import mime
from gateway.domain.filetypes import true_type
from gateway.domain.kinds import Kind, kinds_of
from gateway.domain.mime import Part, take_apart
from services.antispam.message import Attachment, Source
from services.antispam.reading.charsets import text_of
from services.antispam.reading.disguises import Disguises
from services.antispam.reading.documents import LONGEST_TEXT, Document, Unreadable
from services.antispam.reading.html import Reference, read_html
from services.antispam.reading.images import read_image
from services.antispam.reading.links import Links
from services.antispam.reading.office import ZIPPED, read_word, read_zipped
from services.antispam.reading.outline import HTML, outlined
from services.antispam.reading.pdf import read_pdf
from services.antispam.reading.plain import addresses_in, as_seen
from services.antispam.reading.rtf import read_rtf
from services.antispam.reading.texts import read_texts
from services.antispam.reading.timelimit import TookTooLong, within

LARGEST = 1 << 20
"""Bytes of an attachment that is read."""

MOST_SECONDS = 2.0
"""Of the processor, for one attachment."""

MOST_OPENED = 10
"""Attachments of a message that are opened."""

_HEAD = 4096
"""Bytes by which a kind is told, of most kinds."""

_SVG = "image/svg+xml"
_MARKED_UP = HTML | {_SVG}
_NAMES_OF_HTML = (".htm", ".html", ".xhtml", ".shtml", ".svg")
_NAMES_OF_TEXT = (".txt", ".csv", ".ics", ".vcf", ".log", ".md", ".eml")


@dataclass(frozen=True, slots=True)
class Opened:
    """An attachment, and the addresses in it."""

    attachment: Attachment
    references: tuple[Reference, ...] = ()


def closed(part: Part, kind: str, message: bytes) -> Opened:
    """An attachment of which nothing is read but what it says of itself."""
    return Opened(_described(part, message, kind))


def opened(part: Part, kind: str, message: bytes, disguises: Disguises) -> Opened:
    """An attachment with what a person reads in it. Never raises. `kind` is that of `kind_of`."""
    described = _described(part, message, kind)
    reader = _reader_of(part, kind)
    if reader is None:
        return Opened(described)
    if described.size > LARGEST:
        return Opened(replace(described, trouble="it is too large to be read"))
    content = mime.decoded(part, message, LARGEST)
    try:
        with within(MOST_SECONDS):
            found = reader(content, kind, part.charset, disguises)
    except TookTooLong:
        return Opened(replace(described, trouble=f"it was not read after {MOST_SECONDS:g} s"))
    except (Unreadable, MemoryError, RecursionError) as error:
        return Opened(replace(described, trouble=str(error) or type(error).__name__))
    return Opened(
        replace(
            described,
            text=found.text,
            trouble=found.trouble,
            markup=found.markup,
            width=found.width,
            height=found.height,
        ),
        found.references,
    )


def is_closed(part: Part, kind: str) -> bool:
    """Whether nothing in it can be read."""
    return _reader_of(part, kind) is None


def is_harmless(part: Part, kind: str) -> bool:
    """Whether it takes no program but our own to read it."""
    return _reader_of(part, kind) in (None, _read_plain, _read_marked_up)


def kind_of(part: Part, message: bytes) -> str:
    """The MIME type that the bytes of an attachment tell, "" when they tell none."""
    head = mime.decoded(part, message, _HEAD)
    found = kinds_of(head)
    if found and found[0].kind in (Kind.ZIP, Kind.OLE):
        # What these are is told by what stands deep in them.
        head = mime.decoded(part, message, LARGEST)
    return true_type(head, found)


_Reader = Callable[[bytes, str, str, Disguises], Document]


def _reader_of(part: Part, kind: str) -> _Reader | None:
    name = part.name.lower()
    if kind in _READERS:
        return _READERS[kind]
    if part.content_type in HTML or (kind in ("", "text/xml") and name.endswith(_NAMES_OF_HTML)):
        return _read_marked_up
    if kind == "" and (part.content_type.startswith("text/") or name.endswith(_NAMES_OF_TEXT)):
        return _read_plain
    return None


def _read_plain(content: bytes, kind: str, charset: str, disguises: Disguises) -> Document:
    text = as_seen(text_of(content[: 4 * LONGEST_TEXT], charset)[0])[:LONGEST_TEXT]
    # What looks like a host in a file is most often a name in a program.
    found = addresses_in(text, bare=False)
    return Document(text, tuple(Reference(one, Source.ATTACHMENT) for one in found))


def _read_marked_up(content: bytes, kind: str, charset: str, disguises: Disguises) -> Document:
    page = read_html(text_of(content, charset)[0], disguises)
    references = (one._replace(source=Source.ATTACHMENT) for one in page.references)
    return Document(page.text[:LONGEST_TEXT], tuple(references), markup=page.markup)


def _read_letter(content: bytes, kind: str, charset: str, disguises: Disguises) -> Document:
    """A message in an encoding of its own: its texts, but nothing that is attached to it."""
    links = Links()
    texts = read_texts(
        content, outlined(take_apart(content, most_parts=100, most_depth=10)), disguises, links
    )
    references = (Reference(one.url, Source.ATTACHMENT, one.text, one.hidden) for one in links.met())
    return Document(texts.text[:LONGEST_TEXT], tuple(references))


_READERS: Mapping[str, _Reader] = MappingProxyType(
    {
        "application/pdf": lambda content, kind, charset, disguises: read_pdf(content),
        "text/rtf": lambda content, kind, charset, disguises: read_rtf(content),
        "application/msword": lambda content, kind, charset, disguises: read_word(content),
        "message/rfc822": _read_letter,
        **dict.fromkeys(_MARKED_UP, _read_marked_up),
        **dict.fromkeys(
            ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"),
            lambda content, kind, charset, disguises: read_image(content),
        ),
        **dict.fromkeys(ZIPPED, lambda content, kind, charset, disguises: read_zipped(content, kind)),
    }
)


def _described(part: Part, message: bytes, kind: str) -> Attachment:
    size = part.end - part.body
    if part.encoding == "base64":
        lines = message.count(b"\n", part.body, part.end) * 2
        size = max(size - lines, 0) * 3 // 4
    return Attachment(part.name, part.content_type, kind, size)
