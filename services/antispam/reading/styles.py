"""How an element looks, as far as that says whether anybody sees its text: CSS and the older attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

MOST_RULES = 2000
"""Rules of style sheets that are read."""

LONGEST_STYLE = 2000
"""Characters of a style attribute that are read."""

NEAR = 12
"""Of 255: colours that differ by less in each of red, green and blue look the same."""

FAR_AWAY = -400.0
"""Pixels beyond the edge at which nothing is seen any more."""

SMALLEST = 1.5
"""Pixels: smaller letters are none."""

FAINTEST = 0.05
"""Of 1: what covers less of what is behind it is not seen."""

_REMEMBERED = 1024
"""Styles, lengths and colours: those of one page recur, and so do those of one sender."""

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)


class Look(NamedTuple):
    """What an element inherits and hands on."""

    hidden: bool = False  # with all that stands in it, however that is styled
    tiny: bool = False  # these three only as long as nothing in it says otherwise
    invisible: bool = False
    clear: bool = False
    colour: Colour | None = (0, 0, 0)  # None: nobody knows, or a picture
    background: Colour | None = WHITE
    is_seen: bool = True  # a person reads text that looks so


SEEN = Look()

Declarations = Mapping[str, str]


def declarations(style: str) -> Declarations:
    """What a style attribute or the body of a rule says, by the property, lower case."""
    return _declarations(style[:LONGEST_STYLE]) if style else _NOTHING


@lru_cache(maxsize=_REMEMBERED)
def _declarations(style: str) -> Declarations:
    found: dict[str, str] = {}
    for declaration in style.lower().split(";"):
        name, colon, value = declaration.partition(":")
        name = name.strip()
        if colon and name in _TELLING:
            found[name] = value.removesuffix("!important").strip()
    return found


def attributes_as_style(tag: str, attributes: Mapping[str, str]) -> dict[str, str]:
    """What `bgcolor`, `color`, `text` and `hidden` say, in the words of CSS."""
    found: dict[str, str] = {}
    if "bgcolor" in attributes:
        found["background-color"] = attributes["bgcolor"].strip().lower()
    if attributes.get("background"):
        found["background-image"] = "url("
    if tag == "font" and "color" in attributes:
        found["color"] = attributes["color"].strip().lower()
    if tag == "body" and "text" in attributes:
        found["color"] = attributes["text"].strip().lower()
    if "hidden" in attributes:
        found["display"] = "none"
    return found


TELLING_ATTRIBUTES = ("style", "bgcolor", "background", "color", "text", "hidden")
"""Attributes that say by themselves how an element looks."""


def styled(look: Look, style: Declarations) -> Look:
    """How an element looks that has `style`, inside one that looks like `look`."""
    hidden = look.hidden or _hides(style)
    tiny = _is_tiny(style, around=look.tiny)
    invisible = style["visibility"] in _INVISIBLE if "visibility" in style else look.invisible
    clear = look.clear
    background = look.background
    if "url(" in style.get("background", "") or "background-image" in style:
        background = None
    else:
        for name in ("background", "background-color"):
            if name in style:
                background = _background(style[name], background)
    colour = look.colour
    if "color" in style:
        colour = _colour(style["color"], look)
        if style["color"] not in _INHERITED:
            clear = _is_clear(style["color"])
    unseen = hidden or tiny or invisible or clear
    is_seen = not (unseen or (colour and background and _alike(colour, background)))
    return Look(hidden, tiny, invisible, clear, colour, background, is_seen)


class Sheet:
    """The rules of style sheets that speak of one class, one id or one kind of element."""

    def __init__(self) -> None:
        self._rules: dict[str, dict[str, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, css: str) -> None:
        """Take over the rules that always hold; those for some screens only say nothing of ours."""
        for selectors, body in _rules(css):
            style = declarations(body)
            if not style:
                continue
            for selector in selectors.split(","):
                name = selector.strip().lower()
                if len(self._rules) < MOST_RULES and _SIMPLE.fullmatch(name):
                    self._rules.setdefault(name, {}).update(style)

    def style_of(self, tag: str, attributes: Mapping[str, str]) -> dict[str, str]:
        """What the rules say of an element."""
        found = dict(self._rules.get(tag, _NOTHING))
        for name in attributes.get("class", "").lower().split()[:8]:
            found.update(self._rules.get(f".{name}", _NOTHING))
            found.update(self._rules.get(f"{tag}.{name}", _NOTHING))
        if "id" in attributes:
            found.update(self._rules.get(f"#{attributes['id'].strip().lower()}", _NOTHING))
        return found


_NOTHING: Mapping[str, str] = MappingProxyType({})
_SIMPLE = re.compile(r"[a-z0-9]*(?:[.#][a-z0-9_-]+)?")
_TELLING = frozenset(
    {
        "display",
        "visibility",
        "opacity",
        "color",
        "background",
        "background-color",
        "background-image",
        "font-size",
        "font",
        "height",
        "max-height",
        "width",
        "max-width",
        "overflow",
        "text-indent",
        "position",
        "left",
        "top",
        "right",
        "margin-left",
        "margin-top",
        "clip",
    }
)
_LENGTH = re.compile(r"\A(-?\d{0,6}(?:\.\d{0,6})?)(px|pt|em|rem|ex|ch|cm|mm|in|%|vw|vh)?\s*\Z")
_IN_FONT = re.compile(r"(?:\A|\s)(\d{1,4}(?:\.\d{0,4})?(?:px|pt|em|rem|%))(?=[\s/])")
_PIXELS: Mapping[str, float] = MappingProxyType(
    {"pt": 1.33, "em": 16, "rem": 16, "ex": 8, "ch": 8, "cm": 38, "mm": 3.8, "in": 96, "%": 0.16}
)
_ALPHA = re.compile(
    r"\A(?:rgb|hsl)a?\((?:(?:[^,/()]{1,20},){3}|[^,/()]{1,60}/)\s*(\d{0,6}(?:\.\d{0,6})?)(%?)\s*\)\Z"
)
"""The fourth of four values; `rgb(0, 0, 0)` has none and is black."""
_NO_COLOUR = frozenset({"transparent"})
_INVISIBLE = frozenset({"hidden", "collapse"})
_INHERITED = frozenset({"inherit", "currentcolor", ""})
_MOVING = frozenset({"text-indent", "left", "top", "right", "margin-left", "margin-top"})
_CLIPPED = frozenset({"rect(0,0,0,0)", "rect(0000)", "rect(0px,0px,0px,0px)"})
_OF_PARENT = ("em", "%", "ex", "ch")  # lengths that are nothing inside nothing
_HEX = re.compile(r"\A#?([0-9a-f]{6}|[0-9a-f]{3})(?:[0-9a-f]{2}|[0-9a-f])?\Z")
_RGB = re.compile(r"\Argba?\(\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*(?:[,/][^)]{0,20})?\)\Z")
_NAMED: Mapping[str, Colour] = MappingProxyType(
    {
        "white": WHITE,
        "snow": (255, 250, 250),
        "ivory": (255, 255, 240),
        "whitesmoke": (245, 245, 245),
        "ghostwhite": (248, 248, 255),
        "black": (0, 0, 0),
        "red": (255, 0, 0),
        "green": (0, 128, 0),
        "lime": (0, 255, 0),
        "blue": (0, 0, 255),
        "navy": (0, 0, 128),
        "yellow": (255, 255, 0),
        "gray": (128, 128, 128),
        "grey": (128, 128, 128),
        "silver": (192, 192, 192),
        "lightgray": (211, 211, 211),
        "lightgrey": (211, 211, 211),
        "maroon": (128, 0, 0),
        "purple": (128, 0, 128),
        "teal": (0, 128, 128),
        "orange": (255, 165, 0),
        "windowtext": (0, 0, 0),
    }
)


def _hides(style: Declarations) -> bool:
    if style.get("display") == "none":
        return True
    if "opacity" in style:
        opacity = _pixels(style["opacity"])
        if opacity is not None and opacity < FAINTEST:
            return True
    if style.get("overflow") == "hidden" and any(
        _is_none(style.get(name)) for name in ("height", "max-height", "width", "max-width")
    ):
        return True
    if not _MOVING.isdisjoint(style) and any(
        (_pixels(value) or 0.0) < FAR_AWAY for name, value in style.items() if name in _MOVING
    ):
        return True
    return "clip" in style and style["clip"].replace(" ", "") in _CLIPPED


def _is_tiny(style: Declarations, *, around: bool) -> bool:
    """Whether letters are too small to be seen; cells often have none, and what stands in them has."""
    size = style.get("font-size", "")
    if not size and "font" in style:
        found = _IN_FONT.search(style["font"])
        size = found[1] if found else ""
    if not size or size in _INHERITED or (around and size.endswith(_OF_PARENT) and not size.endswith("rem")):
        return around
    pixels = _pixels(size)
    return pixels is not None and pixels < SMALLEST


def _is_none(length: str | None) -> bool:
    pixels = _pixels(length or "")
    return pixels is not None and pixels < 1.5


@lru_cache(maxsize=_REMEMBERED)
def _pixels(length: str) -> float | None:
    found = _LENGTH.match(length)
    if not found or found[1] in ("", "-", ".", "-."):
        return None
    return float(found[1]) * _PIXELS.get(found[2] or "px", 1.0)


@lru_cache(maxsize=_REMEMBERED)
def _is_clear(colour: str) -> bool:
    """Whether a colour covers nothing."""
    found = _ALPHA.match(colour)
    if not found or found[1] in ("", "."):
        return colour in _NO_COLOUR
    return float(found[1]) / (100 if found[2] else 1) < FAINTEST


def _background(value: str, around: Colour | None) -> Colour | None:
    if value in ("none", "inherit", "initial", "") or _is_clear(value):
        return around
    if "(" not in value and " " in value:
        value = value.partition(" ")[0]
    return _read_colour(value)


def _colour(value: str, look: Look) -> Colour | None:
    return look.colour if value in _INHERITED else _read_colour(value)


@lru_cache(maxsize=_REMEMBERED)
def _read_colour(value: str) -> Colour | None:
    if value in _NAMED:
        return _NAMED[value]
    if found := _HEX.match(value):
        digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if found := _RGB.match(value):
        return min(int(found[1]), 255), min(int(found[2]), 255), min(int(found[3]), 255)
    return None


def _alike(one: Colour, other: Colour) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < NEAR


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """Selectors and body of each rule outside of `@media` and its like."""
    inside = 0
    for piece in _without_comments(css).split("}"):
        *around, selectors, body = ("", *piece.split("{")) if "{" in piece else ("", "", "")
        if inside and not selectors and not body and "{" not in piece:
            inside -= 1
            continue
        entered = sum(1 for one in around if one.strip())
        inside += entered
        if not inside and selectors.strip() and not selectors.lstrip().startswith("@"):
            yield selectors, body


def _without_comments(css: str) -> str:
    kept: list[str] = []
    position = 0
    while (start := css.find("/*", position)) >= 0:
        kept.append(css[position:start])
        end = css.find("*/", start + 2)
        if end < 0:
            return "".join(kept)
        position = end + 2
    kept.append(css[position:])
    return "".join(kept).replace("<!--", "").replace("-->", "")
