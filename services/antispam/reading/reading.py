"""A whole message from its bytes: the header block, what a person reads, and what was done to hide it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gateway.domain.mime import Part, take_apart
from gateway.runtime.sheets import Sheet
from services.antispam.message import Attachment, Message, read_message
from services.antispam.reading.attachments import MOST_OPENED, closed, is_closed, is_harmless, kind_of, opened
from services.antispam.reading.disguises import Disguises, undisguised
from services.antispam.reading.links import Links
from services.antispam.reading.outline import Outline, outlined
from services.antispam.reading.texts import Texts, read_texts

MOST_PARTS = 500
MOST_DEPTH = 30
"""Parts and levels that are read: what spam has beyond them is not seen by its readers either."""

MOST_ATTACHMENTS = 100

_TELLING = 200
"""Characters at the beginning of two texts by which they are the same."""

_SAMPLE = 2000
"""Characters of a text whose words are looked for in another."""

LIGHT = 1 << 16
"""Bytes of text that are read on the spot: more of it, and all that is not text, is read in isolation."""

MOST_BOUNDARY_LINES = 300
"""Lines like boundaries of a message that is taken apart on the spot; real mail has some dozens."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a message consists of, before any of it is read."""

    parts: tuple[Part, ...]
    outline: Outline
    kinds: tuple[str, ...]  # of the attachments, as far as they count

    @property
    def is_light(self) -> bool:
        """Whether reading the message takes little time, and no program but our own."""
        outline = self.outline
        letters = (part for _, inner in outline.letters for part in inner)
        attached = tuple(zip(outline.attached, self.kinds, strict=False))
        files = (part for part, kind in attached if not is_closed(part, kind))
        size = sum(part.end - part.body for part in (*outline.shown, *outline.beside, *letters, *files))
        return size <= LIGHT and all(is_harmless(part, kind) for part, kind in attached)


def survey(message: bytes) -> Survey:
    """The parts of a message, as far as they are read, and what they are for."""
    parts = take_apart(message, most_parts=MOST_PARTS, most_depth=MOST_DEPTH)
    outline = outlined(parts)
    return Survey(
        parts, outline, tuple(kind_of(part, message) for part in outline.attached[:MOST_ATTACHMENTS])
    )


def read_sheet(sheet: Sheet, size: int, open_all: bool) -> Message:
    """The message that lies on a sheet: what is called in isolation."""
    message = sheet.read(0, size)
    return read_whole(message, survey(message), open_all=open_all)


def read_whole(message: bytes, found: Survey | None = None, *, open_all: bool = True) -> Message:
    """All of it in one go, wherever this is called. Never raises.

    What takes other programs to be read is so only if `open_all` asks for it.
    """
    found = found or survey(message)
    outline = found.outline
    disguises, links = Disguises(), Links()
    texts = read_texts(message, outline, disguises, links)
    attachments: list[Attachment] = []
    for number, (part, kind) in enumerate(zip(outline.attached, found.kinds, strict=False)):
        to_open = number < MOST_OPENED and (open_all or is_harmless(part, kind))
        one = opened(part, kind, message, disguises) if to_open else closed(part, kind, message)
        attachments.append(one.attachment)
        for reference in one.references:
            links.add(reference.href, reference.source, reference.text, hidden=reference.hidden)
    everything = (*texts.letters, *attachments)
    read = read_message(message)
    words = undisguised("\n".join(_all_texts(read.subjects, texts, everything)), disguises)
    return replace(
        read,
        text=texts.text,
        hidden=texts.hidden,
        plain=texts.plain,
        words=words,
        links=links.met(),
        attachments=everything,
        markup=texts.markup,
        disguises=disguises.met(),
        parts=tuple(part.content_type for part in found.parts),
        charsets=texts.charsets,
        undeclared=texts.undeclared,
        needless_base64=texts.needless_base64,
        size=len(message),
        troubles=(
            *dict.fromkeys(part.unopened for part in found.parts if part.unopened),
            *texts.troubles,
            *(f"{one.name or one.content_type}: {one.trouble}" for one in attachments if one.trouble),
        ),
    )


def _all_texts(subjects: Iterable[str], texts: Texts, attachments: Iterable[Attachment]) -> Iterator[str]:
    """Everything that makes the words of a message."""
    yield from filter(None, subjects)
    yield texts.text
    if _says_other(texts.beside, texts.text):
        yield texts.beside
    yield from (one.text for one in attachments if one.text)


def _says_other(text: str, shown: str) -> bool:
    """Whether less than half of the words of `text` stand in what is shown in its place."""
    if shown.startswith(text[:_TELLING]):
        return False
    words = set(text[:_SAMPLE].split())
    # Mostly the beginning tells it already; the last word of that may be cut.
    if 2 * len(words.intersection(shown[:_SAMPLE].split()[:-1])) >= len(words):
        return False
    return 2 * len(words.intersection(shown[: 4 * _SAMPLE].split())) < len(words)
