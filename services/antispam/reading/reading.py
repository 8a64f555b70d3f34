"""A whole message from its bytes: the header block, what a person reads, and what was done to hide it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.domain.mime import Part, take_apart
from gateway.runtime.sheets import Sheet
from services.antispam.message import Attachment, Message, read_message
from services.antispam.reading.disguises import Disguises, undisguised
from services.antispam.reading.outline import Outline, outlined
from services.antispam.reading.texts import Texts, read_texts

MOST_PARTS = 500
MOST_DEPTH = 30
"""Parts and levels that are read: what spam has beyond them is not seen by its readers either."""

MOST_ATTACHMENTS = 100

LIGHT = 1 << 16
"""Bytes of text that are read on the spot: more of it, and all that is not text, is read in isolation."""

MOST_BOUNDARY_LINES = 300
"""Lines like boundaries of a message that is taken apart on the spot; real mail has some dozens."""


def read_whole(message: bytes) -> Message:
    """All of it in one go, wherever this is called. Never raises."""
    parts = parts_of(message)
    outline = outlined(parts)
    attachments = tuple(closed(part, message) for part in outline.attached[:MOST_ATTACHMENTS])
    return composed(message, parts, outline, read_texts(message, outline), attachments)


def is_light(message: bytes) -> bool:
    """Whether reading it takes little time, and no program but our own."""
    if message.count(b"\n--") > MOST_BOUNDARY_LINES:
        return False
    outline = outlined(parts_of(message))
    texts = (*outline.shown, *outline.beside, *(part for _, inner in outline.letters for part in inner))
    return sum(part.end - part.body for part in texts) <= LIGHT


def read_sheet(sheet: Sheet, size: int, opened: bool) -> Message:
    """The message that lies on a sheet, its attachments `opened` or not: what is called in isolation."""
    return read_whole(sheet.read(0, size))


def parts_of(message: bytes) -> tuple[Part, ...]:
    """The parts of a message, as far as they are read."""
    return take_apart(message, most_parts=MOST_PARTS, most_depth=MOST_DEPTH)


def closed(part: Part, message: bytes) -> Attachment:
    """An attachment of which nothing is read but what it says of itself."""
    size = part.end - part.body
    return Attachment(part.name, part.content_type, "", size * 3 // 4 if part.encoding == "base64" else size)


def composed(
    message: bytes, parts: Sequence[Part], outline: Outline, texts: Texts, attachments: Sequence[Attachment]
) -> Message:
    """All that was read, with the words out of their disguise."""
    read = read_message(message)
    disguises = Disguises()
    for one in texts.disguises:
        disguises.note(one.kind, one.example, one.count)
    everything = (*texts.letters, *attachments)
    words = [
        *read.subjects,
        texts.text,
        *([texts.beside] if _says_other(texts.beside, texts.text) else []),
        *(one.text for one in everything if one.text),
    ]
    return replace(
        read,
        text=texts.text,
        hidden=texts.hidden,
        plain=texts.plain,
        words=undisguised("\n".join(filter(None, words)), disguises),
        links=texts.links,
        attachments=everything,
        markup=texts.markup,
        disguises=disguises.met(),
        parts=tuple(part.content_type for part in parts),
        charsets=texts.charsets,
        size=len(message),
        troubles=(*dict.fromkeys(part.unopened for part in parts if part.unopened), *texts.troubles),
    )


def _says_other(text: str, shown: str) -> bool:
    """Whether less than half of the words of `text` stand in what is shown in its place."""
    words = set(text.split())
    return 2 * len(words & set(shown.split())) < len(words)
