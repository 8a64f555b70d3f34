"""The names of parameters: `minimal_backoff_time` in code is `MinimalBackoffTime` in the file."""

from __future__ import annotations

_WORDS = {
    "arc": "ARC",
    "as": "AS",
    "av": "AV",
    "db": "DB",
    "dkim": "DKIM",
    "dmarc": "DMARC",
    "dns": "DNS",
    "dsn": "DSN",
    "ichecker": "IChecker",
    "io": "IO",
    "ip": "IP",
    "ipv4": "IPv4",
    "ipv6": "IPv6",
    "mx": "MX",
    "spf": "SPF",
    "ttl": "TTL",
}


def parameter_name(attribute: str) -> str:
    """The name in the file of the parameter that code calls `attribute`."""
    return "".join(_WORDS.get(word, word.capitalize()) for word in attribute.split("_"))
