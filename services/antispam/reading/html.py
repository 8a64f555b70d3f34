"""HTML as a person sees it: the text in the order of reading, what is hidden, links, and what it is made of.

It goes through the tokens once, with a stack of what is open. No tree is made, so depth costs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import unescape

from turbohtml import Token, TokenType, tokenize

from services.antispam.message import Markup, Source
from services.antispam.reading.disguises import Disguises
from services.antispam.reading.elements import BREAKS, CELLS, ENDS, INLINE, KNOWN, RAW, SILENT, VOID, WALLS
from services.antispam.reading.styles import SEEN, Look, Sheet, attributes_as_style, declarations, styled

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


@dataclass(frozen=True, slots=True)
class Reference:
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
    for token in tokenize(html):
        reader.take(token)
    return reader.page(len(html))


_NOSCRIPT = re.compile(r"</?noscript[^<>]{0,200}>", re.IGNORECASE)
_LETTER_ENTITY = re.compile(
    r"&#(?:0{0,5}(?:6[5-9]|[78]\d|90|9[7-9]|1[01]\d|12[0-2])(?!\d)"
    r"|[xX]0{0,5}(?:[46][1-9a-fA-F]|[57][0-9aA])(?![0-9a-fA-F]))"
)
_WORD_AROUND = re.compile(r"(?:&#[xX]?[0-9a-fA-F]{1,8};?|[A-Za-z]){1,60}")

_COUNTED = (
    *("tags", "images", "remote_images", "tracking_pixels", "forms"),
    *("password_fields", "scripts", "frames", "comments", "tables"),
)
_REMOTE = ("http:", "https:", "//", "ftp:")
_REFRESH = re.compile(r"url\s{0,8}=\s{0,8}[\"']?([^\"']{1,2000})", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(\d{1,5})")


def _note_entities(html: str, disguises: Disguises) -> None:
    """Plain letters have no need of being written as numbers."""
    if "&#" not in html:
        return
    found = _LETTER_ENTITY.findall(html)
    if found:
        word = next(
            (
                one[0]
                for one in _WORD_AROUND.finditer(html)
                if "&#" in one[0] and _LETTER_ENTITY.search(one[0])
            ),
            "",
        )
        disguises.note("entities", unescape(word), len(found))


class _Reader:
    """What is known while the tokens go by."""

    def __init__(self, disguises: Disguises) -> None:
        self._disguises = disguises
        self._look = SEEN
        self._open: list[tuple[str, Look]] = []  # element, and how it looked outside of it
        self._sheet = Sheet()
        self._styles: dict[tuple[str, Look], Look] = {}
        self._seen: list[str] = []
        self._seen_size = 0
        self._begun = False  # something was seen
        self._hidden: list[str] = []
        self._hidden_size = 0
        self._preheader = 0
        self._silent = ""  # the innermost open element whose text is none
        self._pre = 0
        self._gap = ""  # what stands between the last text that was seen and the next, if anything odd does
        self._fresh = ""  # the inline element that has just begun
        self._anchor: str | None = None  # where the open anchor leads
        self._anchor_seen: list[str] = []
        self._anchor_pictures = 0
        self._references: dict[Reference, None] = {}
        self._base = ""
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._refresh = False

    def take(self, token: Token) -> None:
        """Read the next token."""
        match token.type:
            case TokenType.TEXT:
                self._text(token.data or "")
            case TokenType.START_TAG:
                self._start(token)
            case TokenType.END_TAG:
                self._end(token.tag or "")
            case TokenType.COMMENT:
                content = token.data or ""
                if not content.startswith(("[if ", "[endif", "<![endif")):  # these speak to some programs
                    self._counts["comments"] += len(content)
                    self._gap = self._gap or "comments"

    def page(self, size: int) -> Page:
        """All that was read."""
        self._close_anchor()
        markup = Markup(
            size=size,
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
            return
        if not self._pre and "\n" in data:
            data = data.replace("\n", " ")
        if not self._look.is_seen:
            self._take_hidden(data)
            return
        if self._seen_size > MOST_SEEN:
            return
        if self._gap:
            self._note_split(data)
        self._seen.append(data)
        self._seen_size += len(data)
        self._begun = self._begun or not data.isspace()
        if self._anchor is not None:
            self._anchor_seen.append(data)

    def _take_hidden(self, data: str) -> None:
        if data.isspace():
            return
        if self._gap != "space":
            self._gap = "hidden text"
        self._hidden_size += len(data)
        if not self._begun:
            self._preheader += len(data)
        if self._hidden_size <= MOST_HIDDEN:
            self._hidden.append(data)

    def _note_split(self, data: str) -> None:
        """Between the letters of one word stood something that nobody sees."""
        gap, self._gap = self._gap, ""
        if gap == "space" or not self._seen or not data[:1].isalpha() or not self._seen[-1][-1:].isalpha():
            return
        before = self._seen[-1].rpartition(" ")[2]
        self._disguises.note(f"split by {gap}", before[-30:] + data[:30].partition(" ")[0])

    def _start(self, token: Token) -> None:
        tag = token.tag or ""
        attributes = {name: value or "" for name, value in token.attrs} if token.attrs else {}
        self._counts["tags"] += 1
        if self._silent and self._silent not in ("head", "object", "applet"):
            return
        if tag in ENDS:
            self._close_unclosed(ENDS[tag])
        handle = _HANDLERS.get(tag)
        if handle:
            handle(self, attributes)
        elif "background" in attributes:
            self._picture(attributes["background"], attributes)
        self._separate(tag)
        if tag in INLINE or tag not in KNOWN:
            self._fresh = tag
            if tag not in KNOWN and ":" not in tag and "-" not in tag:
                self._gap = self._gap or "tags"
        else:
            self._fresh = ""
        if tag == "body" and self._silent == "head":
            self._silent = ""
        if tag in VOID:
            return
        outside = self._look
        if attributes or self._sheet:
            self._look = self._looks(tag, attributes)
        if len(self._open) < MOST_OPEN or tag in RAW:
            self._open.append((tag, outside))
        if tag in SILENT and not (token.self_closing and tag not in RAW):
            self._silent = tag
        self._pre += tag == "pre"

    def _looks(self, tag: str, attributes: dict[str, str]) -> Look:
        style = attributes.get("style", "")
        if not self._sheet and len(attributes) == 1 and style:
            key = (style, self._look)
            if key not in self._styles:
                self._styles[key] = styled(self._look, declarations(style))
            return self._styles[key]
        says = self._sheet.style_of(tag, attributes) if self._sheet else {}
        says = attributes_as_style(tag, attributes) | says
        if style:
            says |= declarations(style)
        return styled(self._look, says) if says else self._look

    def _end(self, tag: str) -> None:
        if self._fresh == tag and tag != "a":  # nothing stood in it
            self._gap = self._gap or "tags"
        self._fresh = ""
        if self._silent and tag != self._silent and self._silent in RAW:
            return
        if tag == "a":
            self._close_anchor()
        self._separate(tag)
        if tag in ("br", "p") and not any(one[0] == tag for one in self._open[-MOST_CLOSED_AT_ONCE:]):
            return
        for place in range(len(self._open) - 1, max(len(self._open) - MOST_CLOSED_AT_ONCE, 0) - 1, -1):
            name = self._open[place][0]
            if name == tag:
                self._close(place)
                return
            if name in WALLS and tag not in WALLS and tag not in ("tr", "tbody", "form", "center", "div"):
                return

    def _close_unclosed(self, ended: frozenset[str]) -> None:
        while self._open and self._open[-1][0] in ended:
            self._close(len(self._open) - 1)

    def _close(self, place: int) -> None:
        """End the open element at `place`, and all that is open inside it."""
        self._look = self._open[place][1]
        for tag, _ in self._open[place:]:
            self._pre -= tag == "pre"
            if tag == self._silent:
                self._silent = ""
        del self._open[place:]

    def _separate(self, tag: str) -> None:
        if self._silent:
            return
        gap = "\n" if tag in BREAKS else " " if tag in CELLS else ""
        if gap:
            self._gap = "space"
            self._seen.append(gap)
            self._hidden.append(gap)
            if self._anchor is not None:
                self._anchor_seen.append(" ")

    def _close_anchor(self) -> None:
        if self._anchor is None:
            return
        text = " ".join("".join(self._anchor_seen).split())[:LONGEST_LINK_TEXT]
        hidden = not (self._look.is_seen and (text or self._anchor_pictures))
        self._refer(self._anchor, Source.HTML, text, hidden=hidden)
        self._anchor = None

    def _refer(self, href: str, source: Source, text: str = "", *, hidden: bool = False) -> None:
        href = href.strip()
        if href and len(self._references) < MOST_LINKS:
            self._references.setdefault(Reference(href, source, text, hidden))

    def _picture(self, address: str, attributes: dict[str, str]) -> None:
        self._counts["images"] += 1
        if not address.strip().lower().startswith(_REMOTE):
            return
        self._counts["remote_images"] += 1
        sizes = [_NUMBER.match(attributes.get(side, "")) for side in ("width", "height")]
        if all(size and int(size[1]) <= 2 for size in sizes):
            self._counts["tracking_pixels"] += 1
        self._refer(address, Source.IMAGE, hidden=not self._look.is_seen)

    def _on_anchor(self, attributes: dict[str, str]) -> None:
        self._close_anchor()
        self._anchor = attributes.get("href") or attributes.get("xlink:href")
        self._anchor_seen = []
        self._anchor_pictures = 0

    def _on_area(self, attributes: dict[str, str]) -> None:
        self._refer(attributes.get("href", ""), Source.HTML, attributes.get("alt", "")[:LONGEST_LINK_TEXT])

    def _on_image(self, attributes: dict[str, str]) -> None:
        self._picture(attributes.get("src", ""), attributes)
        self._anchor_pictures += 1
        if attributes.get("alt"):
            # What is shown where pictures are not fetched, which is usual.
            self._text(f" {attributes['alt']} ")

    def _on_form(self, attributes: dict[str, str]) -> None:
        self._counts["forms"] += 1
        self._refer(attributes.get("action", ""), Source.FORM)

    def _on_input(self, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "").strip().lower()
        self._counts["password_fields"] += kind == "password"
        self._on_button(attributes)
        if kind == "image":
            self._picture(attributes.get("src", ""), attributes)
        shown = attributes.get("value" if kind in ("submit", "button", "reset") else "placeholder")
        if shown and kind != "hidden":
            self._text(f" {shown} ")

    def _on_button(self, attributes: dict[str, str]) -> None:
        if "formaction" in attributes:
            self._refer(attributes["formaction"], Source.FORM)

    def _on_meta(self, attributes: dict[str, str]) -> None:
        if attributes.get("http-equiv", "").strip().lower() == "refresh":
            target = _REFRESH.search(attributes.get("content", ""))
            if target:
                self._refresh = True
                self._refer(target[1], Source.HTML, hidden=True)

    def _on_base(self, attributes: dict[str, str]) -> None:
        self._base = self._base or attributes.get("href", "").strip()

    def _on_frame(self, attributes: dict[str, str]) -> None:
        self._counts["frames"] += 1
        self._refer(attributes.get("src", ""), Source.HTML)

    def _on_script(self, attributes: dict[str, str]) -> None:
        self._counts["scripts"] += 1

    def _on_table(self, attributes: dict[str, str]) -> None:
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


def lines(text: str) -> str:
    """The text with single spaces, and without empty lines."""
    kept = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in kept if line)


def together(one: Markup | None, other: Markup) -> Markup:
    """What two HTML parts are made of."""
    if one is None:
        return other
    return replace(
        one,
        **{name: getattr(one, name) + getattr(other, name) for name in Markup.__slots__ if name != "refresh"},
        refresh=one.refresh or other.refresh,
    )
