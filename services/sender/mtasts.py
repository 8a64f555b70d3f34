"""MTA-STS: what a domain says about the security of its mail servers (RFC 8461)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

LONGEST_AGE = 31557600
"""Seconds that a policy may be believed (RFC 8461 §3.2): a year."""
MOST_PATTERNS = 100
"""Mail servers that a policy may name; real ones name some few."""

_RECORD = re.compile(rb"v=STSv1[ \t]*;(?P<fields>.*)", re.DOTALL)
_IDENTITY = re.compile(rb"[ \t]*id[ \t]*=[ \t]*(?P<id>[A-Za-z0-9]{1,32})[ \t]*")
_PATTERN = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class Mode(StrEnum):
    """How much a policy wants."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """What a domain wants of who sends mail to it."""

    mode: Mode
    max_age: int  # seconds
    patterns: tuple[str, ...] = ()  # `mx.b.example`, or `*.b.example` for one label in front

    def allows(self, host: str) -> bool:
        """Whether mail may go to that host (RFC 8461 §4.1)."""
        name = host.lower()
        above = f"*.{name.partition('.')[2]}"
        return name in self.patterns or above in self.patterns


def identity_of(texts: Iterable[bytes]) -> str | None:
    """The id in the TXT records of `_mta-sts.<domain>`; None where there is no policy (RFC 8461 §3.1)."""
    records = [found for text in texts if (found := _RECORD.fullmatch(text))]
    if len(records) != 1:
        return None
    for field in records[0]["fields"].split(b";"):
        if found := _IDENTITY.fullmatch(field):
            return found["id"].decode("ascii")
    return None


def parse_policy(content: bytes) -> StsPolicy:
    """Read the file that a domain publishes (RFC 8461 §3.2). `ValueError` says why it is none."""
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    first: dict[str, str] = {}
    patterns: list[str] = []
    for line in filter(None, map(str.strip, lines)):
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon:
            raise ValueError("a line is no `key: value`")
        if key == "mx":
            patterns.append(_pattern(value))
        first.setdefault(key, value)
    if len(patterns) > MOST_PATTERNS:
        raise ValueError("it names too many mail servers")
    if first.get("version") != "STSv1":
        raise ValueError("its version is not STSv1")
    try:
        mode = Mode(first.get("mode", ""))
    except ValueError:
        raise ValueError("its mode is none of enforce, testing and none") from None
    if mode is not Mode.NONE and not patterns:
        raise ValueError("it names no mail servers")
    return StsPolicy(mode, _max_age(first.get("max_age", "")), tuple(patterns))


def _pattern(value: str) -> str:
    pattern = value.lower().rstrip(".")
    if not _PATTERN.fullmatch(pattern):
        raise ValueError("a mail server has no name")
    return pattern


def _max_age(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= 10):
        raise ValueError("its max_age is no number of seconds")
    return min(int(value), LONGEST_AGE)
