"""The texts of a message, one after the other: of its own, and of messages that are attached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.domain import mime
from gateway.domain.headers import fields, named, text_value
from gateway.domain.mime import Part
from services.antispam.message import Attachment, Markup, Source
from services.antispam.reading.charsets import text_of
from services.antispam.reading.disguises import Disguises
from services.antispam.reading.html import read_html, together
from services.antispam.reading.links import Links
from services.antispam.reading.outline import HTML, Outline
from services.antispam.reading.plain import addresses_in, as_seen

MOST_BYTES = 1 << 20
"""Bytes of one part that are decoded."""

MOST_CHARACTERS = 200_000
"""Characters of text that are kept of all parts together."""

MOST_LETTERS = 20
"""Attached messages that are read."""

CUT = "its text is too long to be read whole"


@dataclass(frozen=True, slots=True)
class Texts:
    """What was read of the parts that are text."""

    text: str = ""
    hidden: str = ""
    plain: str = ""
    beside: str = ""  # text in whose place another is shown
    markup: Markup | None = None
    letters: tuple[Attachment, ...] = ()  # attached messages
    charsets: tuple[str, ...] = ()
    undeclared: bool = False  # HTML without a charset
    needless_base64: bool = False  # of ASCII
    troubles: tuple[str, ...] = ()


def read_texts(message: bytes, outline: Outline, disguises: Disguises, links: Links) -> Texts:
    """All texts of `message`; how they hide words, and where they lead, is noted. Never raises."""
    reading = _Reading(message, disguises, links)
    for part in outline.shown:
        reading.show(part)
    for part in outline.beside:
        reading.put_beside(part)
    for holder, parts in outline.letters[:MOST_LETTERS]:
        reading.open_letter(holder, parts)
    return reading.texts()


def _is_plain(content: bytes) -> bool:
    """Whether there are bytes, and all of them are ASCII: those of ISO-2022-JP only look so."""
    return bool(content) and content.isascii() and b"\x1b" not in content


@dataclass(slots=True)
class _Reading:
    message: bytes
    disguises: Disguises
    links: Links
    seen: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    letters: list[Attachment] = field(default_factory=list)
    charsets: dict[str, None] = field(default_factory=dict)
    markup: Markup | None = None
    undeclared: bool = False
    needless_base64: bool = False
    troubles: dict[str, None] = field(default_factory=dict)
    room: int = MOST_CHARACTERS

    def show(self, part: Part) -> None:
        if part.content_type in HTML:
            text, hidden = self._html(part, Source.HTML)
            self.hidden.append(hidden)
        else:
            text = self._plain(part)
            self.plain.append(text)
            for address in addresses_in(text):
                self.links.add(address, Source.TEXT)
        self.seen.append(text)

    def put_beside(self, part: Part) -> None:
        text = self._plain(part)
        self.plain.append(text)
        self.beside.append(text)
        known = {link.url for link in self.links.met()}
        for address in addresses_in(text):
            if address not in known:
                self.links.add(address, Source.TEXT)

    def open_letter(self, holder: Part, parts: Iterable[Part]) -> None:
        """An attached message: its Subject and what it shows."""
        header = fields(self.message, holder.body, holder.end)
        found = [text_value(self.message, one)[:1000] for one in named(header, "Subject")][:1]
        for part in parts:
            if part.content_type in HTML:
                found.append(self._html(part, Source.ATTACHMENT)[0])
            else:
                found.append(self._plain(part))
                for address in addresses_in(found[-1]):
                    self.links.add(address, Source.ATTACHMENT)
        self.letters.append(
            Attachment(
                holder.name,
                holder.content_type,
                "message/rfc822",
                holder.end - holder.body,
                "\n".join(filter(None, found)),
            )
        )

    def texts(self) -> Texts:
        return Texts(
            "\n".join(filter(None, self.seen)),
            "\n".join(filter(None, self.hidden)),
            "\n".join(filter(None, self.plain)),
            "\n".join(filter(None, self.beside)),
            self.markup,
            tuple(self.letters),
            tuple(self.charsets),
            self.undeclared,
            self.needless_base64,
            tuple(self.troubles),
        )

    def _html(self, part: Part, source: Source) -> tuple[str, str]:
        """What is seen and what is hidden. Links of attached messages are of another source."""
        page = read_html(self._decoded(part), self.disguises)
        self.markup = together(self.markup, page.markup)
        is_own = source is Source.HTML
        for href, found_in, text, hidden in page.references:
            self.links.add(href, found_in if is_own else source, text, hidden=hidden, base=page.base)
        return self._within_room(page.text), self._within_room(page.hidden)

    def _plain(self, part: Part) -> str:
        flowed = b"flowed" in self.message[part.start : part.body]
        return self._within_room(as_seen(self._decoded(part)[: 2 * MOST_CHARACTERS], flowed=flowed))

    def _decoded(self, part: Part) -> str:
        content = mime.decoded(part, self.message, MOST_BYTES)
        if len(content) >= MOST_BYTES:
            self.troubles[CUT] = None
        self.undeclared |= part.content_type in HTML and not part.charset
        self.needless_base64 |= part.encoding == "base64" and _is_plain(content)
        text, charset = text_of(content, part.charset)
        for one in (part.charset, charset):
            if one:
                self.charsets[one] = None
        return text

    def _within_room(self, text: str) -> str:
        if len(text) > self.room:
            self.troubles[CUT] = None
            text = text[: self.room]
        self.room -= len(text)
        return text
