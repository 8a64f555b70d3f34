"""The elements of HTML, by what they do to the text around them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Element(NamedTuple):
    """What an element does to the text around it, and in it."""

    gap: str = ""  # what stands for it between two texts
    is_void: bool = False
    is_inline: bool = False
    is_known: bool = True
    silent: bool = False  # nobody is shown the text in it
    raw: bool = False  # it has text in it and no elements, whatever that looks like
    ends: frozenset[str] = frozenset()  # what its beginning ends, if that is the innermost
    wall: bool = False  # an end tag of something smaller inside it ends nothing outside


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOID = _names(
    """
    area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr
    """
)
"""What has no content and no end tag."""

_BREAKS = _names(
    """
    address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol option p pre
    section summary table tbody tfoot thead tr ul
    """
)
"""What begins a new line, and ends one."""

_CELLS = _names("td th")

_SILENT = _names("script style title template iframe noembed noframes object applet")
"""What has text in it that nobody is shown."""

_RAW = _names("script style title iframe noembed noframes xmp")
"""What has text in it and no elements, whatever that looks like."""

_INLINE = _names(
    """
    a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd label mark nobr q s samp small span
    strike strong sub sup time tt u var
    """
)
"""What stands within a line."""

_KNOWN = (
    _VOID
    | _BREAKS
    | _CELLS
    | _SILENT
    | _INLINE
    | _names(
        """
        audio button canvas colgroup data map meter optgroup output picture progress rp rt ruby select svg
        textarea video head noscript math marquee blink listing plaintext xmp
        """
    )
)

_PARAGRAPH = frozenset({"p"})

_ENDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "li": _names("li"),
        "dt": _names("dt dd"),
        "dd": _names("dt dd"),
        "option": _names("option"),
        "tr": _names("tr td th"),
        "td": _names("td th"),
        "th": _names("td th"),
        "tbody": _names("tr td th tbody thead"),
    }
    | dict.fromkeys(
        _names("p div table ul ol dl h1 h2 h3 h4 h5 h6 blockquote center form hr pre section article"),
        _PARAGRAPH,
    )
)
"""Whose beginning ends an element that is the innermost and that nobody closed (HTML, 13.1.2.4)."""

_WALLS = _names("table td th body html")
"""Elements beyond which an end tag of something smaller ends nothing."""

ELEMENTS: Mapping[str, Element] = MappingProxyType(
    {
        tag: Element(
            "\n" if tag in _BREAKS else " " if tag in _CELLS else "",
            tag in _VOID,
            tag in _INLINE,
            silent=tag in _SILENT,
            raw=tag in _RAW,
            ends=_ENDS.get(tag, frozenset()),
            wall=tag in _WALLS,
        )
        for tag in sorted(_KNOWN | _WALLS | _ENDS.keys())
    }
)
"""All that are known, by their names."""

UNKNOWN = Element(is_inline=True, is_known=False)
FOREIGN = Element(is_inline=True)
"""Of other languages, or of a program's own, as their names tell: `o:p`."""
