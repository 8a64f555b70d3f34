"""The elements of HTML, by what they do to the text around them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


VOID = _names(
    """
    area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr
    """
)
"""What has no content and no end tag."""

BREAKS = _names(
    """
    address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol option p pre
    section summary table tbody tfoot thead tr ul
    """
)
"""What begins a new line, and ends one."""

CELLS = _names("td th")

SILENT = _names("script style title head template iframe noembed noframes object applet")
"""What has text in it that nobody is shown."""

RAW = _names("script style title iframe noembed noframes xmp")
"""What has text in it and no elements, whatever that looks like."""

INLINE = _names(
    """
    a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd label mark nobr q s samp small span
    strike strong sub sup time tt u var
    """
)
"""What stands within a line."""

KNOWN = (
    VOID
    | BREAKS
    | CELLS
    | SILENT
    | INLINE
    | _names(
        """
        audio button canvas colgroup data map meter optgroup output picture progress rp rt ruby select svg
        textarea video noscript math marquee blink listing plaintext xmp
        """
    )
)

_PARAGRAPH = frozenset({"p"})

ENDS: Mapping[str, frozenset[str]] = MappingProxyType(
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

WALLS = _names("table td th body html")
"""Elements beyond which an end tag of something smaller ends nothing."""
