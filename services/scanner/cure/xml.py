"""Parts of Office documents as XML: read without entities and the network, written as Office writes them."""

from __future__ import annotations

from lxml import etree


class Incurable(Exception):
    """The document cannot be disarmed without damage."""


def parsed(content: bytes) -> etree._Element:
    """The root of a part. Raises `etree.XMLSyntaxError`, and `Incurable` when it defines entities."""
    root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    if root.getroottree().docinfo.internalDTD is not None:
        raise Incurable("it defines entities")
    return root


def written(root: etree._Element) -> bytes:
    """A part from its root."""
    text: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return text
