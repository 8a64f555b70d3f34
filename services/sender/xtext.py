"""What senders call things in DSN parameters, decoded: xtext (RFC 3461 §4), and UTF-8 (RFC 6533 §3)."""

from __future__ import annotations

import re

_HEX_CHAR = re.compile(r"\+([0-9A-F]{2})")
_EMBEDDED = re.compile(r"\\x\{([0-9A-F]{2,6})\}")


def from_xtext(text: str) -> str:
    """The text behind xtext, of ASCII alone."""
    plain = _HEX_CHAR.sub(lambda found: chr(int(found[1], 16)), text)
    return plain.encode("ascii", "replace").decode("ascii")


def from_embedded(text: str) -> str:
    """The text behind `\\x{C3}`, which stands for a character of Unicode by its number."""
    return _EMBEDDED.sub(lambda found: _character(int(found[1], 16)), text)


def _character(number: int) -> str:
    is_one = number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
    return chr(number) if is_one else "\N{REPLACEMENT CHARACTER}"
