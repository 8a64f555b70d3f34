"""Names as they are asked for."""

from __future__ import annotations

import idna

from gateway.domain.endpoint import is_address, parse_host


def query_name(domain: str) -> str | None:
    """The name to ask DNS for, in ASCII (RFC 5891); None if it is no name."""
    try:
        name = parse_host(domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii"))
    except ValueError:  # UnicodeError is one, and what `idna` raises too
        return None
    return None if is_address(name) else name.lower()
