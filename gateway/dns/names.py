"""Names as they are asked for."""

from __future__ import annotations

from gateway.domain.endpoint import is_address, parse_host


def query_name(domain: str) -> str | None:
    """The name to ask DNS for, in ASCII (RFC 5890); None if it is no name."""
    try:
        name = parse_host(domain if domain.isascii() else domain.encode("idna").decode("ascii"))
    except ValueError:  # UnicodeError is one, too
        return None
    return None if is_address(name) else name.lower()
