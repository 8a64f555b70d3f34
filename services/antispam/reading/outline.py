"""Which parts of a message are its text, which are attached, and which belong to an attached message."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.mime import MESSAGES, Part

HTML = frozenset({"text/html", "application/xhtml+xml"})

_FILES = frozenset(
    {
        "text/calendar",
        "text/x-vcard",
        "text/vcard",
        "text/directory",
        "text/css",
        "text/csv",
        "text/rtf",
        "text/x-patch",
        "text/x-diff",
        "text/rfc822-headers",
        "text/x-amp-html",
    }
)
"""Types of text that mail programs show as files, or not at all."""

_ALTERNATIVE = "multipart/alternative"


@dataclass(frozen=True, slots=True)
class Outline:
    """The leaves of a message, by what they are for who reads it."""

    shown: tuple[Part, ...]  # text that is shown one after the other
    beside: tuple[Part, ...]  # text/plain in whose place HTML is shown
    attached: tuple[Part, ...]
    letters: tuple[tuple[Part, tuple[Part, ...]], ...]  # attached messages, and the texts in them


def outlined(parts: tuple[Part, ...]) -> Outline:
    """What the parts of a message are for."""
    owners = _owners(parts)
    with_html = _alternatives_with_html(parts)
    shown: list[Part] = []
    beside: list[Part] = []
    attached: list[Part] = []
    letters: dict[int, list[Part]] = {}
    for part, owner in zip(parts, owners, strict=True):
        if part.container:
            continue
        if owner >= 0:
            texts = letters.setdefault(owner, [])
            if is_text(part):
                texts.append(part)
        elif not is_text(part):
            attached.append(part)
        elif part.content_type not in HTML and _alternative_of(parts, part) in with_html:
            beside.append(part)
        else:
            shown.append(part)
    return Outline(
        tuple(shown),
        tuple(beside),
        tuple(attached),
        tuple((parts[owner], tuple(texts)) for owner, texts in letters.items()),
    )


def is_text(part: Part) -> bool:
    """Whether a mail program shows the part as text of the message."""
    if part.content_type in HTML:
        return part.disposition != "attachment"
    if not part.content_type.startswith("text/") or part.content_type in _FILES:
        return False
    return part.disposition != "attachment" and not (part.disposition != "inline" and part.name)


def _owners(parts: tuple[Part, ...]) -> list[int]:
    """Of each part the outermost attached message that it lies in; -1 if it is of the message itself."""
    owners: list[int] = []
    for part in parts:
        if part.parent < 0:
            owners.append(-1)
        elif owners[part.parent] >= 0:
            owners.append(owners[part.parent])
        else:
            owners.append(part.parent if parts[part.parent].content_type in MESSAGES else -1)
    return owners


def _alternatives_with_html(parts: tuple[Part, ...]) -> frozenset[int]:
    found = (_alternative_of(parts, part) for part in parts if part.content_type in HTML and is_text(part))
    return frozenset(place for place in found if place >= 0)


def _alternative_of(parts: tuple[Part, ...], part: Part) -> int:
    """The nearest container of alternatives that a part lies in, -1 if there is none."""
    place = part.parent
    while place >= 0 and parts[place].content_type != _ALTERNATIVE:
        place = parts[place].parent
    return place
