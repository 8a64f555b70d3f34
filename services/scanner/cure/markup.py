"""Active content out of HTML and SVG: what is known to be harmless stays, and the text of all else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import turbohtml
from lxml import etree
from turbohtml import clean

_TAGS = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "address",
        "area",
        "article",
        "aside",
        "b",
        "bdi",
        "bdo",
        "big",
        "blockquote",
        "br",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "dfn",
        "dir",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "font",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "main",
        "map",
        "mark",
        "nav",
        "ol",
        "p",
        "pre",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "section",
        "small",
        "span",
        "strike",
        "strong",
        "style",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "time",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "wbr",
    ]
)
_EVERYWHERE = frozenset(
    [
        "align",
        "alt",
        "bgcolor",
        "border",
        "class",
        "color",
        "dir",
        "height",
        "id",
        "lang",
        "style",
        "title",
        "valign",
        "width",
        "face",
        "size",
    ]
)
_ATTRIBUTES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "*": _EVERYWHERE,
        "a": frozenset({"href", "name", "target"}),
        "area": frozenset({"href", "shape", "coords"}),
        "img": frozenset({"src", "usemap"}),
        "map": frozenset({"name"}),
        "ol": frozenset({"start", "type"}),
        "table": frozenset({"cellpadding", "cellspacing", "summary", "background"}),
        "td": frozenset({"colspan", "rowspan", "nowrap", "background"}),
        "th": frozenset({"colspan", "rowspan", "nowrap", "scope", "background"}),
    }
)
_POLICY = clean.Policy(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    url_schemes=frozenset({"http", "https", "mailto", "tel", "cid"}),
    allow_fragment_urls=True,
    on_disallowed_tag=clean.OnDisallowed.STRIP,
    remove_with_content=frozenset(
        [
            "script",
            "iframe",
            "frame",
            "frameset",
            "object",
            "embed",
            "applet",
            "svg",
            "math",
            "template",
            "title",
            "noscript",
            "base",
        ]
    ),
    allow_svg=False,
    allow_mathml=False,
)

_SVG = "http://www.w3.org/2000/svg"
_RUNNING = frozenset(
    {"script", "handler", "listener", "foreignObject", "animate", "animateTransform", "animateMotion", "set"}
)
_SAFE_REFERENCE = re.compile(r"\s*(?:#|data:image/(?:png|jpe?g|gif|webp)[;,])", re.IGNORECASE)
_LOADING_STYLE = re.compile(r"@import|url\s*\(\s*[\"']?\s*(?!#)|expression\s*\(", re.IGNORECASE)


def disarm_html(content: bytes) -> bytes:
    """The page without scripts, handlers, frames, forms and objects. It is ASCII, whatever charset it had."""
    kept = clean.sanitize(turbohtml.parse(content), _POLICY)
    return (
        b"<!DOCTYPE html>\r\n<html><body>" + kept.encode("ascii", "xmlcharrefreplace") + b"</body></html>\r\n"
    )


def disarm_svg(content: bytes) -> bytes | None:
    """The picture without scripts, handlers and what is loaded from elsewhere; None if it is no such XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_pis=True, remove_comments=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if etree.QName(root).text != f"{{{_SVG}}}svg" or root.getroottree().docinfo.internalDTD is not None:
        return None
    for element in list(root.iter("*")):
        name = etree.QName(element)
        parent = element.getparent()
        if parent is not None and (name.namespace != _SVG or name.localname in _RUNNING):
            parent.remove(element)
            continue
        if name.localname == "style" and _LOADING_STYLE.search("".join(element.itertext())):
            element.clear()
        for attribute, value in list(element.attrib.items()):
            if _is_active(etree.QName(attribute).localname.lower(), str(value)):
                del element.attrib[attribute]
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _is_active(attribute: str, value: str) -> bool:
    if attribute.startswith("on"):
        return True
    if attribute in ("href", "src"):
        return _SAFE_REFERENCE.match(value) is None
    return _LOADING_STYLE.search(value) is not None
