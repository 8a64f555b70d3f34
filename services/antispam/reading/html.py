"""HTML as a person sees it: the text in the order of reading, what is hidden, links, and what it is made of.

It goes through the tokens once, with a stack of what is open. No tree is made, so depth costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import unescape
from types import MappingProxyType
from typing import NamedTuple

from turbohtml import Token, TokenType, tokenize

from services.antispam.message import Markup, Source
from services.antispam.reading.disguises import Disguises
from services.antispam.reading.elements import ELEMENTS, FOREIGN, UNKNOWN
from services.antispam.reading.plain import lines, single_spaced
from services.antispam.reading.styles import (
    SEEN,
    TELLING_ATTRIBUTES,
    Look,
    Sheet,
    attributes_as_style,
    declarations,
    styled,
)

LONGEST_HTML = 1 << 20
"""Characters that are read of one part."""

MOST_SEEN = 200_000
MOST_HIDDEN = 50_000
"""Characters of text that are kept of one part: what is seen, and what is not."""

MOST_LINKS = 1000
LONGEST_LINK_TEXT = 300

MOST_OPEN = 512
"""Elements that are open at once; browsers have a bound like this one too."""

MOST_CLOSED_AT_ONCE = 64
"""Open elements among which that is looked for which an end tag means."""


class Reference(NamedTuple):
    """An address as it stands in the markup."""

    href: str
    source: Source
    text: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What was read of one HTML part."""

    text: str
    hidden: str
    references: tuple[Reference, ...]
    base: str  # what the addresses that are not whole stand under
    markup: Markup


def read_html(html: str, disguises: Disguises) -> Page:
    """What a person sees of `html`, and what not. Never raises; what it hides words with is noted."""
    html = html[:LONGEST_HTML].replace("\0", "")
    if "<noscript" in html or "<NOSCRIPT" in html:
        # Mail programs run no scripts, so they show what stands there instead.
        html = _NOSCRIPT.sub("", html)
    _note_entities(html, disguises)
    reader = _Reader(disguises)
    reader.take_all(tokenize(html))
    return reader.page(len(html))


_NOSCRIPT = re.compile(r"</?noscript[^<>]{0,200}>", re.IGNORECASE)
_LETTER_ENTITY = re.compile(
    r"&#(?:0{0,5}(?:6[5-9]|[78]\d|90|9[7-9]|1[01]\d|12[0-2])(?!\d)"
    r"|[xX]0{0,5}(?:[46][1-9a-fA-F]|[57][0-9aA])(?![0-9a-fA-F]))"
)
_BETWEEN_WORDS = " \n<>"
_WORD_AROUND = re.compile(r"(?:&#[xX]?[0-9a-fA-F]{1,8};?|[A-Za-z]){1,60}")

_TEXT = TokenType.TEXT
_START = TokenType.START_TAG
_END = TokenType.END_TAG
_COMMENT = TokenType.COMMENT

_SPACES = frozenset({" ", "\n"})
_NONE: Mapping[str, str] = MappingProxyType({})
_SILENT_WITH_ELEMENTS = frozenset({"object", "applet"})
_WALLS = frozenset(tag for tag, element in ELEMENTS.items() if element.wall)
_TELLING = frozenset(TELLING_ATTRIBUTES)
_KNOWN = dict(ELEMENTS)  # asked for each tag: a plain dictionary answers sooner than one behind a proxy
_OLDER = _TELLING - {"style"}
_LOOKED_AT = ("class", "id", *TELLING_ATTRIBUTES)
_GAPS = {tag: element.gap for tag, element in ELEMENTS.items() if element.gap}
_OF_TABLES = _WALLS | {"tr", "tbody", "form", "center", "div"}

_COUNTED = (
    *("images", "remote_images", "tracking_pixels", "forms"),
    *("password_fields", "scripts", "frames", "comments", "tables"),
)
_REMOTE = ("http:", "https:", "//", "ftp:")
_REFRESH = re.compile(r"url\s{0,8}=\s{0,8}[\"']?([^\"']{1,2000})", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(\d{1,5})")


def _note_entities(html: str, disguises: Disguises) -> None:
    """Plain letters have no need of being written as numbers."""
    if "&#" not in html:
        return
    first = _LETTER_ENTITY.search(html)
    if first is None:
        return
    before = max(html.rfind(mark, 0, first.start()) for mark in _BETWEEN_WORDS)
    around = _WORD_AROUND.finditer(html, before + 1)
    word = next((one[0] for one in around if one.end() > first.start()), "")
    disguises.note("entities", unescape(word), len(_LETTER_ENTITY.findall(html)))


def _is_dot(size: str) -> bool:
    found = _NUMBER.match(size)
    return found is not None and int(found[1]) <= 2


class _Reader:
    """What is known while the tokens go by."""

    def __init__(self, disguises: Disguises) -> None:
        self._disguises = disguises
        self._look = SEEN
        self._open: list[tuple[str, Look]] = []  # element, and how it looked outside of it
        self._sheet = Sheet()
        self._has_rules = False  # the sheet says anything
        self._looked: dict[tuple[object, ...], Look] = {}
        self._seen: list[str] = []
        self._seen_size = 0
        self._begun = False  # something was seen
        self._hidden: list[str] = []
        self._hidden_size = 0
        self._preheader = 0
        self._silent = ""  # the innermost open element whose text is none
        self._pre = 0
        self._gap = ""  # between the last text that was seen and the next: white space, or something odd
        self._fresh = ""  # the inline element that has just begun
        self._anchor: str | None = None  # where the open anchor leads
        self._anchor_seen: list[str] = []
        self._anchor_pictures = 0
        self._references: dict[Reference, None] = {}
        self._base = ""
        self._tags = 0
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._refresh = False

    def take_all(self, tokens: Iterable[Token]) -> None:
        """Read the tokens of a page."""
        text, start, end = self._text, self._start, self._end
        for token in tokens:
            kind = token.type
            if kind is _START:
                start(token)
            elif kind is _END:
                end(token.tag or "")
            elif kind is _TEXT:
                text(token.data or "")
            elif kind is _COMMENT:
                self._comment(token.data or "")

    def page(self, size: int) -> Page:
        """All that was read."""
        self._close_anchor()
        markup = Markup(
            size=size,
            tags=self._tags,
            hidden=self._hidden_size,
            preheader=self._preheader,
            refresh=self._refresh,
            **self._counts,
        )
        return Page(
            lines("".join(self._seen)),
            lines("".join(self._hidden)),
            tuple(self._references),
            self._base,
            markup,
        )

    def _text(self, data: str) -> None:
        self._fresh = ""
        if self._silent:
            if self._silent == "style":
                self._sheet.add(data)
                self._has_rules = bool(self._sheet)
                self._looked.clear()
            return
        gap, is_blank = self._gap, data.isspace()
        if not self._look.is_seen:
            if not is_blank:
                self._take_hidden(data)
            return
        if self._seen_size > MOST_SEEN:
            return
        self._seen_size += len(data)
        if is_blank and gap in _SPACES and not self._pre:
            return  # there is a gap already
        if "\n" in data and not self._pre:
            data = data.replace("\n", " ")
        if gap:
            if gap not in _SPACES:
                self._note_split(data)
                gap = ""
            self._gap = ""
        self._seen += gap, data
        self._begun = self._begun or not is_blank
        if self._anchor is not None:
            self._anchor_seen += gap, data

    def _take_hidden(self, data: str) -> None:
        if "\n" in data and not self._pre:
            data = data.replace("\n", " ")
        if self._gap not in _SPACES:
            self._gap = "hidden text"
        self._hidden_size += len(data)
        if not self._begun:
            self._preheader += len(data)
        if self._hidden_size <= MOST_HIDDEN:
            self._hidden.append(data)

    def _note_split(self, data: str) -> None:
        """Between the letters of one word stood something that nobody sees."""
        if not self._seen or not data[:1].isalpha() or not self._seen[-1][-1:].isalpha():
            return
        before = self._seen[-1].rpartition(" ")[2]
        self._disguises.note(f"split by {self._gap}", before[-30:] + data[:30].partition(" ")[0])

    def _comment(self, content: str) -> None:
        if not content.startswith(("[if ", "[endif", "<![endif")):  # these speak to some programs
            self._counts["comments"] += len(content)
            self._gap = self._gap or "comments"

    def _start(self, token: Token) -> None:
        tag = token.tag or ""
        self._tags += 1
        silent, opened = self._silent, self._open
        if silent and silent not in _SILENT_WITH_ELEMENTS:
            return
        gap, is_void, is_inline, is_known, is_silent, raw, ends, _ = _KNOWN.get(tag) or (
            FOREIGN if ":" in tag or "-" in tag else UNKNOWN
        )
        if ends:
            while opened and opened[-1][0] in ends:
                self._close(len(opened) - 1)
        found = token.attrs
        attributes = {name: value or "" for name, value in found} if found else _NONE
        if tag in _HANDLERS:
            _HANDLERS[tag](self, attributes)
        elif "background" in attributes:
            self._picture(attributes["background"], attributes)
        if gap and not self._silent:
            self._separate(gap)
        if is_void:
            return
        self._fresh = tag if is_inline else ""
        if not is_known:
            self._gap = self._gap or "tags"
        if len(opened) >= MOST_OPEN and not raw:
            return  # nobody will see its end, so it must not change how anything looks
        opened.append((tag, self._look))
        if self._has_rules or (found and not _TELLING.isdisjoint(attributes)):
            self._look = self._looks(tag, attributes)
        if is_silent and (raw or not token.self_closing):
            self._silent = tag
        if tag == "pre":
            self._pre += 1

    def _looks(self, tag: str, attributes: Mapping[str, str]) -> Look:
        key: tuple[object, ...]
        if self._has_rules or not _OLDER.isdisjoint(attributes):
            key = (self._look, tag, *map(attributes.get, _LOOKED_AT))
        else:
            key = (self._look, attributes["style"])
        look = self._looked.get(key)
        if look is None:
            says = self._sheet.style_of(tag, attributes) if self._has_rules else {}
            inline = declarations(attributes.get("style", ""))
            says = {**attributes_as_style(tag, attributes), **says, **inline}
            look = self._looked[key] = styled(self._look, says) if says else self._look
        return look

    def _end(self, tag: str) -> None:
        if self._fresh:
            if self._fresh == tag and tag != "a":  # nothing stood in it
                self._gap = self._gap or "tags"
            self._fresh = ""
        silent, opened = self._silent, self._open
        if silent and tag != silent and silent not in _SILENT_WITH_ELEMENTS:
            return
        if tag == "a":
            self._close_anchor()
        gap = _GAPS.get(tag)
        if gap and not silent:
            self._separate(gap)
        if opened and opened[-1][0] == tag and tag != "pre" and not silent:
            self._look = opened.pop()[1]
            return
        first = max(len(opened) - MOST_CLOSED_AT_ONCE, 0)
        for place in range(len(opened) - 1, first - 1, -1):
            name = opened[place][0]
            if name == tag:
                self._close(place)
                return
            if name in _WALLS and tag not in _OF_TABLES:
                return

    def _close(self, place: int) -> None:
        """End the open element at `place`, and all that is open inside it."""
        while len(self._open) > place:
            tag, self._look = self._open.pop()
            if tag == "pre":
                self._pre -= 1
            elif tag == self._silent:
                self._silent = ""

    def _separate(self, gap: str) -> None:
        if self._gap != "\n":
            self._gap = gap
        self._fresh = ""
        if self._hidden and self._hidden[-1] != "\n":
            self._hidden.append(gap)

    def _close_anchor(self) -> None:
        if self._anchor is None:
            return
        text = single_spaced("".join(self._anchor_seen))[:LONGEST_LINK_TEXT]
        hidden = not (self._look.is_seen and (text or self._anchor_pictures))
        self._refer(self._anchor, Source.HTML, text, hidden=hidden)
        self._anchor = None

    def _refer(self, href: str, source: Source, text: str = "", *, hidden: bool = False) -> None:
        href = href.strip()
        if href and len(self._references) < MOST_LINKS:
            self._references.setdefault(Reference(href, source, text, hidden))

    def _picture(self, address: str, attributes: Mapping[str, str]) -> None:
        self._counts["images"] += 1
        if not address.lstrip()[:8].lower().startswith(_REMOTE):
            return
        self._counts["remote_images"] += 1
        if _is_dot(attributes.get("width", "")) and _is_dot(attributes.get("height", "")):
            self._counts["tracking_pixels"] += 1
        self._refer(address, Source.IMAGE, hidden=not self._look.is_seen)

    def _on_anchor(self, attributes: Mapping[str, str]) -> None:
        self._close_anchor()
        self._anchor = attributes.get("href") or attributes.get("xlink:href")
        self._anchor_seen = []
        self._anchor_pictures = 0

    def _on_area(self, attributes: Mapping[str, str]) -> None:
        self._refer(attributes.get("href", ""), Source.HTML, attributes.get("alt", "")[:LONGEST_LINK_TEXT])

    def _on_image(self, attributes: Mapping[str, str]) -> None:
        self._picture(attributes.get("src", ""), attributes)
        self._anchor_pictures += 1
        if attributes.get("alt"):
            # What is shown where pictures are not fetched, which is usual.
            self._text(f" {attributes['alt']} ")

    def _on_form(self, attributes: Mapping[str, str]) -> None:
        self._counts["forms"] += 1
        self._refer(attributes.get("action", ""), Source.FORM)

    def _on_input(self, attributes: Mapping[str, str]) -> None:
        kind = attributes.get("type", "").strip().lower()
        self._counts["password_fields"] += kind == "password"
        self._on_button(attributes)
        if kind == "image":
            self._picture(attributes.get("src", ""), attributes)
        shown = attributes.get("value" if kind in ("submit", "button", "reset") else "placeholder")
        if shown and kind != "hidden":
            self._text(f" {shown} ")

    def _on_button(self, attributes: Mapping[str, str]) -> None:
        if "formaction" in attributes:
            self._refer(attributes["formaction"], Source.FORM)

    def _on_meta(self, attributes: Mapping[str, str]) -> None:
        if attributes.get("http-equiv", "").strip().lower() == "refresh":
            target = _REFRESH.search(attributes.get("content", ""))
            if target:
                self._refresh = True
                self._refer(target[1], Source.HTML, hidden=True)

    def _on_base(self, attributes: Mapping[str, str]) -> None:
        self._base = self._base or attributes.get("href", "").strip()

    def _on_frame(self, attributes: Mapping[str, str]) -> None:
        self._counts["frames"] += 1
        self._refer(attributes.get("src", ""), Source.HTML)

    def _on_script(self, attributes: Mapping[str, str]) -> None:
        self._counts["scripts"] += 1

    def _on_table(self, attributes: Mapping[str, str]) -> None:
        self._counts["tables"] += 1
        if "background" in attributes:
            self._picture(attributes["background"], attributes)


_HANDLERS = {
    "a": _Reader._on_anchor,
    "area": _Reader._on_area,
    "img": _Reader._on_image,
    "image": _Reader._on_image,
    "form": _Reader._on_form,
    "input": _Reader._on_input,
    "button": _Reader._on_button,
    "meta": _Reader._on_meta,
    "base": _Reader._on_base,
    "iframe": _Reader._on_frame,
    "frame": _Reader._on_frame,
    "script": _Reader._on_script,
    "table": _Reader._on_table,
}


def together(one: Markup | None, other: Markup) -> Markup:
    """What two HTML parts are made of."""
    if one is None:
        return other
    return replace(
        one,
        **{name: getattr(one, name) + getattr(other, name) for name in Markup.__slots__ if name != "refresh"},
        refresh=one.refresh or other.refresh,
    )
