"""The addresses of links, as browsers read them (WHATWG URL), and who registered their domains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import unquote

import idna
from publicsuffixlist import PublicSuffixList

LONGEST_URL = 2048
"""Characters of an address that are read; browsers stop at some thousands."""

LONGEST_HOST = 253

MOST_TARGETS = 2
"""Addresses inside an address that are read: redirectors of redirectors."""

_REMEMBERED = 4096
_BEHIND_SCHEME = len("https://")

_ORDINARY = re.compile(r"https?://([a-z0-9][a-z0-9.-]{0,240}\.[a-z]{2,20})(?:[/?#][!-\[\]-~]{0,2000})?\Z")
_BROKEN = str.maketrans("", "", "\t\r\n")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31}):")
_AUTHORITY_END = re.compile(r"[/\\?#]")
_TARGET = re.compile(r"https?(?::|%3a|%253a)(?:/|\\|%2f|%252f){2}", re.IGNORECASE)
_PORT = re.compile(r":\d{0,5}\Z")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{0,16}|\d{1,16}")
_LAST_LABEL_NUMERIC = re.compile(r"(?:\A|\.)(?:0[xX][0-9a-fA-F]*|\d+)\Z")
_WEB = frozenset({"http", "https", "ftp", "ws", "wss"})
_WITHOUT_HOST = frozenset({"javascript", "vbscript", "data", "blob", "file"})
_PASSED_OVER = frozenset({"mailto", "tel", "sms", "cid", "mid", "about", "callto", "skype", "whatsapp"})


class Address(NamedTuple):
    """Where a link leads."""

    url: str  # without white space around it and line ends in it
    host: str  # lower case, A-labels, without a final dot; an IP address in its plain form; "" if none
    domain: str  # registered part of the host; the host if it is an IP address


def address_of(reference: str, base: str = "") -> Address | None:
    """Where a browser goes for `reference`; None if it goes nowhere outside the message.

    `base` is what a message says that its own addresses stand under.
    """
    ordinary = _ORDINARY.match(reference)
    if ordinary:
        host = ordinary[1]
        return Address(reference, host, domain_of_host(host))
    url = reference[: LONGEST_URL * 2].translate(_BROKEN).strip()[:LONGEST_URL]
    if not url or url[0] == "#":
        return None
    scheme = _SCHEME.match(url)
    if scheme is None:
        if not url.startswith(("//", "\\\\", "/\\")):
            if base:
                return address_of(f"{base.rstrip('/')}/{url.lstrip('/')}")
            # Mail programs take `www.host.example/` for an address too.
            return address_of(f"http://{url}") if url[:4].lower() == "www." else None
        rest = url
    elif scheme[1].lower() in _WEB:
        rest = url[scheme.end() :]
    elif scheme[1].lower() in _WITHOUT_HOST:
        return Address(url, "", "")
    else:
        # `host.example:8080/` looks like a scheme too; other schemes leave the world of the web.
        if "." not in scheme[1] or scheme[1].lower() in _PASSED_OVER:
            return None
        rest = url
    host = host_of(rest)
    return Address(url, host, domain_of_host(host))


def targets_in(url: str) -> Iterable[str]:
    """The addresses that stand inside an address, as those of redirectors have them."""
    may_hold = ":" in url[_BEHIND_SCHEME:] or "%" in url
    return _targets(url) if may_hold and url.lower().count("http") > 1 else ()


def _targets(url: str) -> Iterator[str]:
    start = _BEHIND_SCHEME
    for _ in range(MOST_TARGETS):
        found = _TARGET.search(url, start)
        if found is None:
            return
        inner = url[found.start() :]
        if "%" in found[0]:
            inner = unquote(inner.partition("&")[0])
        if "%" in inner[:14]:
            inner = unquote(inner)
        yield inner
        start = found.end()


def host_of(rest: str) -> str:
    """The host of an address, of which `rest` stands behind the scheme; "" if it has none."""
    rest = rest.lstrip("/\\")
    end = _AUTHORITY_END.search(rest)
    authority = rest[: end.start()] if end else rest
    return plain_host(_PORT.sub("", authority.rpartition("@")[2]))


@lru_cache(maxsize=_REMEMBERED)
def plain_host(host: str) -> str:
    """A host in the one form it is compared in; "" if it can be none."""
    if host.startswith("["):
        return _plain_ipv6(host.strip("[]"))
    if "%" in host:
        host = unquote(host)
    if not host.isascii():
        try:
            host = idna.encode(host[:LONGEST_HOST], uts46=True).decode("ascii")
        except ValueError:
            host = _by_labels(host[:LONGEST_HOST])
    host = host.lower().rstrip(".")
    if not host or len(host) > LONGEST_HOST:
        return ""
    if _LAST_LABEL_NUMERIC.search(host):
        return _plain_ipv4(host)
    return host if _HOST.fullmatch(host) else ""


_HOST = re.compile(r"(?!\.)[a-z0-9_.-]+")


def _by_labels(host: str) -> str:
    """A-labels by the older and laxer rules, for what the newer ones refuse."""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _plain_ipv4(host: str) -> str:
    """The address that browsers read from decimal, octal and hexadecimal numbers, one to four of them."""
    numbers: list[int] = []
    for part in host.split("."):
        if not _NUMBER.fullmatch(part):
            return ""
        try:
            numbers.append(_number(part))
        except ValueError:
            return ""
    *first, last = numbers
    if len(first) > 3 or any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        return ""
    return str(IPv4Address(last + sum(number << (24 - 8 * place) for place, number in enumerate(first))))


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8) if part[0] == "0" and len(part) > 1 else int(part)


def _plain_ipv6(literal: str) -> str:
    try:
        address = IPv6Address(literal)
    except ValueError:
        return ""
    return str(address.ipv4_mapped or address)


@lru_cache(maxsize=_REMEMBERED)
def domain_of_host(host: str) -> str:
    """What somebody registered of a host, by the public suffix list; the host if it is an address."""
    if not host or ":" in host or _LAST_LABEL_NUMERIC.search(host):
        return host
    return _suffixes().privatesuffix(host) or host


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # its list is inside: nothing is fetched


@lru_cache(maxsize=_REMEMBERED)
def is_top_level(label: str) -> bool:
    """Whether hosts on the Internet end with this label, in lower case."""
    return _suffixes().publicsuffix(label, accept_unknown=False) is not None
