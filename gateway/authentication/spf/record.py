"""A record of SPF, read whole: any error in it spoils all of it (RFC 7208 §4.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType

from gateway.authentication.spf.macros import IN_EXPLANATIONS, MacroText, parse_text
from gateway.domain.authentication import Result

LONGEST_RECORD = 16_384
"""Bytes. A record should fit a packet of 512 (RFC 7208 §3.4); the longest real ones have some 3,000."""

MOST_REMEMBERED = 1024
"""Records that are kept in the form that is evaluated, of at most `LONGEST_REMEMBERED` bytes each."""

LONGEST_REMEMBERED = 2048


@dataclass(frozen=True, slots=True)
class All:
    """Matches every client."""


@dataclass(frozen=True, slots=True)
class Include:
    """Matches what another domain's record lets pass."""

    domain: MacroText


@dataclass(frozen=True, slots=True)
class Hosts:
    """`a` and `mx`: the addresses of a name, or of its mail exchanges, and what is near them."""

    by_mx: bool
    domain: MacroText  # (): the domain itself
    lengths: Mapping[int, int]  # of the prefix, by IP version


@dataclass(frozen=True, slots=True)
class Names:
    """`ptr`: the names of the client."""

    domain: MacroText


@dataclass(frozen=True, slots=True)
class Network:
    """`ip4` and `ip6`."""

    version: int
    address: int
    length: int


@dataclass(frozen=True, slots=True)
class Exists:
    """Matches when a name has an address."""

    domain: MacroText


Mechanism = All | Include | Hosts | Names | Network | Exists


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism, and the result when it matches."""

    result: Result
    mechanism: Mechanism
    text: str  # as it is written


@dataclass(frozen=True, slots=True)
class Record:
    """What a domain published."""

    directives: tuple[Directive, ...]
    redirect: MacroText | None = None
    explanation: MacroText | None = None


class RecordError(Exception):
    """The record cannot be evaluated; the message says why."""


def record_of(texts: Iterable[bytes]) -> Record | None:
    """The record among the texts of a domain (RFC 7208 §4.5). Raises `RecordError`."""
    found = [text for text in texts if _VERSION.match(text)]
    if not found:
        return None
    if len(found) > 1:
        raise RecordError("there are several records")
    return _remembered(found[0]) if len(found[0]) <= LONGEST_REMEMBERED else read_record(found[0])


def read_record(text: bytes) -> Record:
    """Read a record that begins with its version. Raises `RecordError`."""
    if len(text) > LONGEST_RECORD:
        raise RecordError("the record is too long")
    try:
        _, *terms = text.decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise RecordError("the record is not ASCII") from None

    directives: list[Directive] = []
    modifiers: dict[str, MacroText] = {}
    for term in filter(None, terms):
        try:
            if modifier := _MODIFIER.match(term):
                _read_modifier(modifier[1].lower(), term[modifier.end() :], modifiers)
            else:
                directives.append(_read_directive(term))
        except ValueError as error:
            raise RecordError(f"'{term}': {error}") from None
    return Record(tuple(directives), modifiers.get("redirect"), modifiers.get("exp"))


_remembered = lru_cache(maxsize=MOST_REMEMBERED)(read_record)

_VERSION = re.compile(rb"v=spf1(?: |\Z)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=", re.IGNORECASE)
_DIRECTIVE = re.compile(r"([+?~-]?)([a-z][a-z0-9]*)(.*)", re.IGNORECASE | re.DOTALL)
_PREFIX = r"(?:/(?P<ip4>0|[1-9][0-9]{0,2}))?(?://(?P<ip6>0|[1-9][0-9]{0,2}))?"
_HOSTS = re.compile(rf"(?P<domain>.*?){_PREFIX}", re.DOTALL)
_NETWORK = re.compile(r":(?P<address>[0-9A-Fa-f:.]+)(?:/(?P<length>0|[1-9][0-9]{0,2}))?")
_TOP_LABEL = re.compile(
    r".*\.(?=[a-z0-9-]*[a-z-])[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.?", re.IGNORECASE | re.DOTALL
)

_RESULTS: Mapping[str, Result] = MappingProxyType(
    {"": Result.PASS, "+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}
)
_BITS: Mapping[int, int] = MappingProxyType({4: 32, 6: 128})


def _read_modifier(name: str, value: str, modifiers: dict[str, MacroText]) -> None:
    if name not in ("redirect", "exp"):
        parse_text(value, IN_EXPLANATIONS)
        return
    if name in modifiers:
        raise ValueError("it is given twice")
    modifiers[name] = _domain(value)


def _read_directive(term: str) -> Directive:
    found = _DIRECTIVE.fullmatch(term)
    mechanism = found and _MECHANISMS.get(found[2].lower())
    if not found or not mechanism:
        raise ValueError("there is no such mechanism")
    return Directive(_RESULTS[found[1]], mechanism(found[3]), term)


def _all(argument: str) -> Mechanism:
    if argument:
        raise ValueError("it takes nothing behind it")
    return All()


def _hosts(argument: str, *, by_mx: bool) -> Mechanism:
    found = _HOSTS.fullmatch(argument)
    if not found:
        raise ValueError("it cannot be read")
    lengths = {version: int(found[f"ip{version}"] or bits) for version, bits in _BITS.items()}
    if any(length > _BITS[version] for version, length in lengths.items()):
        raise ValueError("a prefix is too long")
    return Hosts(by_mx, _optional_domain(found["domain"]), MappingProxyType(lengths))


def _network(argument: str, version: int) -> Mechanism:
    found = _NETWORK.fullmatch(argument)
    if not found:
        raise ValueError("it is no network")
    address = (IPv4Address if version == 4 else IPv6Address)(found["address"])
    length = int(found["length"] or _BITS[version])
    if length > _BITS[version]:
        raise ValueError("the prefix is too long")
    return Network(version, int(address), length)


def _named_domain(argument: str) -> MacroText:
    if not argument.startswith(":"):
        raise ValueError("it needs a domain")
    return _domain(argument[1:])


def _optional_domain(argument: str) -> MacroText:
    return _named_domain(argument) if argument else ()


def _domain(text: str) -> MacroText:
    """A domain-spec: it ends in a macro, or in a dot and a label that a top-level domain may have."""
    if not text:
        raise ValueError("the domain is empty")
    parts = parse_text(text)
    ending = parts[-1]
    if isinstance(ending, str) and ending and not _TOP_LABEL.fullmatch(ending):
        raise ValueError("the domain is not possible")
    return parts


_MECHANISMS: Mapping[str, Callable[[str], Mechanism]] = MappingProxyType(
    {
        "all": _all,
        "include": lambda argument: Include(_named_domain(argument)),
        "a": lambda argument: _hosts(argument, by_mx=False),
        "mx": lambda argument: _hosts(argument, by_mx=True),
        "ptr": lambda argument: Names(_optional_domain(argument)),
        "ip4": lambda argument: _network(argument, 4),
        "ip6": lambda argument: _network(argument, 6),
        "exists": lambda argument: Exists(_named_domain(argument)),
    }
)
