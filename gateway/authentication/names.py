"""Domain names as DNS can be asked about them."""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.dns.names import query_name

LONGEST_NAME = 253
"""Characters of a name, without the last dot (RFC 1035 §2.3.4)."""

_LABELS = re.compile(r"[!-\-/-~ ]{1,63}(?:\.[!-\-/-~ ]{1,63})*\.?")


def is_name(name: str) -> bool:
    """Whether DNS can be asked about this name: it consists of labels of 1 to 63 printable characters."""
    return len(name.rstrip(".")) <= LONGEST_NAME and _LABELS.fullmatch(name) is not None


def plain_domain(domain: str) -> str:
    """A domain as it is compared: lower case, A-labels, no last dot. "" when it is no domain of mail."""
    return _plain(domain) if len(domain) <= 2 * LONGEST_NAME else ""


def is_within(domain: str, parent: str) -> bool:
    """Whether `domain` is `parent` or one of its subdomains; both as `plain_domain` writes them."""
    return domain == parent or domain.endswith(f".{parent}")


@lru_cache(maxsize=4096)
def _plain(domain: str) -> str:
    name = query_name(domain.strip().rstrip(".")) or ""
    return name if "." in name else ""
