"""Macros: text of a record into which facts about the mail are put (RFC 7208 §7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from gateway.authentication.names import LONGEST_NAME

IN_NAMES = frozenset("slodipvh")
"""The letters that may stand in a record."""

IN_EXPLANATIONS = IN_NAMES | frozenset("crt")
"""The letters that may stand in the text that tells a sender why."""

_MACRO = re.compile(r"%(?:\{([a-z])([0-9]{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_WRITTEN = {"%": "%", "_": " ", "-": "%20"}
_VISIBLE = re.compile(r"[!-$&-~]*")
_VISIBLE_AND_SPACES = re.compile(r"[ -$&-~]*")


@dataclass(frozen=True, slots=True)
class Macro:
    """`%{d2r}`: a letter, and how its value is taken apart and put together."""

    letter: str  # lower case
    parts: int  # how many are used, from the right; 0 is all
    reverse: bool
    delimiters: str
    escape: bool  # as in a URL: the letter was upper case

    def of(self, value: str) -> str:
        """What stands for the macro."""
        parts = re.split(f"[{re.escape(self.delimiters)}]", value) if self.delimiters else value.split(".")
        if self.reverse:
            parts.reverse()
        text = ".".join(parts[-self.parts :])
        return quote(text, safe="-._~") if self.escape else text


MacroText = tuple[str | Macro, ...]
"""Text and macros in turn. The last part is text: "" when a macro ends it."""


def parse_text(text: str, letters: frozenset[str] = IN_NAMES, *, spaces: bool = False) -> MacroText:
    """Read text with macros. `ValueError` says what is wrong."""
    literal = _VISIBLE_AND_SPACES if spaces else _VISIBLE
    parts: list[str | Macro] = []
    at = 0
    while True:
        end = text.find("%", at)
        plain = text[at:] if end < 0 else text[at:end]
        if not literal.fullmatch(plain):
            raise ValueError(f"'{plain}' has characters that are not possible")
        parts.append(plain)
        if end < 0:
            return tuple(parts)
        found = _MACRO.match(text, end)
        if found is None:
            raise ValueError(f"'{text[end : end + 10]}' is no macro")
        parts.append(_macro(found, letters))
        at = found.end()


def expand(text: MacroText, values: Mapping[str, str]) -> str:
    """The text with all its macros filled in."""
    return "".join(part if isinstance(part, str) else part.of(values[part.letter]) for part in text)


def uses(text: MacroText, letter: str) -> bool:
    """Whether the value of a letter is needed."""
    return any(isinstance(part, Macro) and part.letter == letter for part in text)


def as_name(expanded: str) -> str:
    """A name from expanded text: what is too long loses labels on its left (RFC 7208 §7.3)."""
    name = expanded.removesuffix(".")
    while len(name) > LONGEST_NAME:
        _, dot, rest = name.partition(".")
        if not dot:
            break
        name = rest
    return name


def _macro(found: re.Match[str], letters: frozenset[str]) -> str | Macro:
    letter, parts, reverse, delimiters, written = found.groups()
    if written:
        return _WRITTEN[written]
    if letter.lower() not in letters:
        raise ValueError(f"the macro '{found[0]}' is not possible here")
    if parts and not int(parts):
        raise ValueError(f"the macro '{found[0]}' uses no part of its value")
    return Macro(letter.lower(), int(parts or 0), bool(reverse), delimiters, letter.isupper())
