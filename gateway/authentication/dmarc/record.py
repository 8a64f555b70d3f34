"""A record of DMARC: what a domain asks for mail that shows it as the author's (RFC 7489 §6.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from gateway.dns.port import Dns, Failed, Found, Kind, ask_together
from gateway.domain.authentication import Request

LONGEST_RECORD = 4096
"""Bytes that are read of a record."""

_VERSION = re.compile(rb"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")


@dataclass(frozen=True, slots=True)
class Record:
    """What was published, as far as a receiver needs it."""

    request: Request  # p=
    of_subdomains: Request  # sp=
    strict_dkim: bool = False  # adkim=
    strict_spf: bool = False  # aspf=
    percent: int = 100  # pct=: of the mail that fails, for how much the request is meant


@dataclass(frozen=True, slots=True)
class Unknown:
    """DNS does not say now whether there is a record."""

    reason: str


@dataclass(frozen=True, slots=True)
class Published:
    """The record that counts for a domain, and whether it is that of its organisation above it."""

    record: Record
    inherited: bool


async def find_record(dns: Dns, domain: str) -> Published | Unknown | None:
    """The record that counts for a domain (RFC 7489 §6.6.3)."""
    parent = organisation_of(domain)
    names = [*dict.fromkeys((domain, parent))]
    answers = await ask_together(dns, [f"_dmarc.{name}" for name in names], Kind.TXT)
    for name, answer in zip(names, answers, strict=True):
        match answer:
            case Failed(reason):
                return Unknown(f"the record of {name} cannot be found now: {reason}")
            case Found() as found if texts := [text for text in found.texts if _VERSION.match(text)]:
                # Several are none, and then nobody looks further (§6.6.3).
                record = read_record(texts[0][:LONGEST_RECORD]) if len(texts) == 1 else None
                return Published(record, name != domain) if record else None
    return None


@lru_cache(maxsize=1024)
def read_record(text: bytes) -> Record | None:
    """The record, or None when it asks for nothing. What is wrong in it counts as not written (§6.6.3)."""
    tags = dict(reversed([*_tags(text)]))  # of a tag that is given twice, the first counts
    request = _request(tags.get("p", ""))
    if request is None:
        # A domain that only wants reports is served as one that asks for nothing.
        return Record(Request.NONE, Request.NONE) if "mailto:" in tags.get("rua", "") else None
    percent = tags.get("pct", "")
    return Record(
        request,
        _request(tags.get("sp", "")) or request,
        tags.get("adkim", "").lower() == "s",
        tags.get("aspf", "").lower() == "s",
        min(int(percent), 100) if percent.isascii() and percent.isdecimal() and len(percent) <= 3 else 100,
    )


@lru_cache(maxsize=4096)
def organisation_of(domain: str) -> str:
    """The organisational domain (RFC 7489 §3.2); a public suffix is its own."""
    return _public_suffixes().privatesuffix(domain) or domain


@lru_cache(maxsize=1)
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _tags(text: bytes) -> Iterable[tuple[str, str]]:
    for part in text.decode("utf-8", "replace").split(";"):
        name, equals, value = part.partition("=")
        if equals:
            yield name.strip().lower(), value.strip()


def _request(word: str) -> Request | None:
    lower = word.lower()
    return Request(lower) if lower in {*Request} else None
