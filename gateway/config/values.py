"""The kinds of values that parameters have: how each is read from text, and how it is written there.

A reader raises `ValueError` with words for the administrator: what is wrong, and what to write instead.
Values that are already of their kind pass through, so that settings can be made in code as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, InstanceOf

from gateway.domain.access import (
    ConnectRule,
    HeloRule,
    MailfromRule,
    RelayRule,
    SenderRule,
    parse_network,
)
from gateway.domain.endpoint import HostPort, LocalSocket, is_address, parse_host, parse_host_port
from gateway.domain.policy import ObjectStatus, SpamStatus, Status
from gateway.domain.routes import Route
from gateway.domain.tls import TlsRule

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)

_YES = ("true", "yes", "y", "1")
_NO = ("false", "no", "n", "0")

OBJECT_STATUSES = (
    ObjectStatus.DISINFECTED,
    ObjectStatus.INFECTED,
    ObjectStatus.SUSPICIOUS,
    ObjectStatus.PROTECTED,
    ObjectStatus.ERROR,
    ObjectStatus.FILTERED,
)
"""What `all` stands for in a list of statuses; the spam statuses are `as/all`."""

SPAM_STATUSES = (SpamStatus.SPAM, SpamStatus.PROBABLE)

_STATUS_WORDS: dict[str, tuple[Status, ...]] = {
    **{str(status): (status,) for status in (*OBJECT_STATUSES, *SPAM_STATUSES)},
    **{f"av/{status}": (status,) for status in OBJECT_STATUSES},
    "all": OBJECT_STATUSES,
    "as/all": SPAM_STATUSES,
}


DNS_PORT = 53


def read_switch(text: str) -> bool:
    """A boolean, in any of the manual's four spellings."""
    word = text.lower()
    if word not in _YES + _NO:
        raise ValueError(f"'{text}' is neither yes nor no: use {', '.join(_YES)} or {', '.join(_NO)}")
    return word in _YES


def read_number(text: str) -> int:
    """A whole number; its range belongs to the parameter."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError(f"'{text}' is not a whole number: use digits alone")
    return int(text)


def read_path(text: str) -> Path:
    """An absolute path: the gateway may be started from anywhere."""
    if not text.startswith("/"):
        raise ValueError(f"'{text}' is not an absolute path: begin it with /")
    return Path(text)


def read_optional_path(text: str) -> Path | None:
    """An absolute path, or nothing."""
    return read_path(text) if text else None


def read_statuses(text: str) -> frozenset[Status]:
    """A list of statuses, separated by commas; empty and `none` name none of them."""
    words = [word.strip().lower() for word in text.split(",")]
    if words in ([""], ["none"]):
        return frozenset()
    if "" in words:
        raise ValueError(
            f"'{text}' has a comma too many: write the statuses with one comma between two of them"
        )
    if "none" in words:
        raise ValueError("'none' stands for an empty list: write it alone, or leave it out")
    if wrong := [word for word in words if word not in _STATUS_WORDS]:
        allowed = ", ".join([*map(str, OBJECT_STATUSES), *map(str, SPAM_STATUSES), "all", "as/all", "none"])
        raise ValueError(f"'{wrong[0]}' is not a status: use {allowed}")
    return frozenset(status for word in words for status in _STATUS_WORDS[word])


def write_statuses(statuses: Iterable[Status]) -> str:
    """A list that `read_statuses` reads back as `statuses`."""
    given = set(statuses)
    return ",".join(str(status) for status in (*OBJECT_STATUSES, *SPAM_STATUSES) if status in given)


def read_address(text: str) -> str:
    """A whole mail address, without a display name."""
    local, at, domain = text.rpartition("@")
    if not (at and local and domain) or re.search(r"[\s<>,]", text):
        raise ValueError(f"'{text}' is not a mail address: write it like postmaster@company.example")
    return text


def read_mask(text: str) -> str:
    """A mask; `*` and `?` are its wildcards."""
    if not text or re.search(r"\s", text):
        raise ValueError(f"'{text}' is not a mask: write one mask a line, without white space")
    return text


def read_name_mask(text: str) -> str:
    """A mask of attachment names, which may hold spaces."""
    if not text:
        raise ValueError("an empty mask names nothing: leave the line out")
    return text


def read_domain_mask(text: str) -> str:
    """A mask of domains."""
    if "@" in text:
        raise ValueError(f"'{text}' is a mask of addresses: write the domain alone, without @")
    return read_mask(text)


def read_hostname(text: str) -> str:
    """A host name of our own."""
    if is_address(text):
        raise ValueError(f"'{text}' is an address: write the full name of this host")
    return parse_host(text)


def read_zone(text: str) -> str:
    """A DNS zone that is asked about clients."""
    return read_hostname(text).rstrip(".").lower()


def read_ip(text: str) -> str:
    """An IP address."""
    if not is_address(text):
        raise ValueError(f"'{text}' is not an IP address: write it like 192.0.2.1 or 2001:db8::1")
    return parse_host(text)


def read_listen(text: str) -> HostPort:
    """An address and a port of our own to listen on."""
    place = parse_host_port(text)
    if not is_address(place.host):
        raise ValueError(
            f"'{place.host}' is a name: write the IP address to listen on, 0.0.0.0 or [::] for all"
        )
    return place


def read_optional_listen(text: str) -> HostPort | None:
    """The same, or nothing."""
    return read_listen(text) if text else None


def read_dns_server(text: str) -> HostPort:
    """A name server, at the usual port unless one is given."""
    return HostPort(parse_host(text), DNS_PORT) if is_address(text) else read_listen(text)


def read_format(text: str) -> str:
    """A format of `strftime`."""
    if not text or len(text) > 64:
        raise ValueError("a format of 1 to 64 characters is needed: write it like %d/%m/%y or %H:%M:%S")
    return text


def read_account(text: str) -> str:
    """A user or a group of this host, by name or number; empty: the one that there is."""
    if text and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}", text):
        raise ValueError(f"'{text}' is not an account: write its name or number")
    return text


def read_namespace(text: str) -> str:
    """A word that names on a broker begin with."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", text):
        raise ValueError(f"'{text}' is not possible: use up to 63 letters, digits, hyphens and underscores")
    return text


def read_log(text: str) -> str:
    """Where the log goes: a file, `syslog`, or nowhere."""
    if text.lower() == "syslog":
        return "syslog"
    return str(read_path(text)) if text else ""


def read_statistics(text: str) -> Path | HostPort | None:
    """Where a line per object goes: a file, a TCP socket, or nowhere."""
    if not text or text.startswith("/"):
        return read_optional_path(text)
    return parse_host_port(text)


def read_socket(text: str) -> LocalSocket | HostPort:
    """A local socket `unix:/path`, or a TCP socket `host:port`."""
    if text.startswith("unix:"):
        return LocalSocket(str(read_path(text.removeprefix("unix:"))))
    return parse_host_port(text)


def read_bus_url(text: str) -> str:
    """The embedded bus, or a broker."""
    if text.lower() == "embedded:":
        return "embedded:"
    return _url(text, "amqp", "amqps", other="embedded:")


def read_blobs_url(text: str) -> str:
    """A directory, or a bucket; empty: the default place."""
    if not text:
        return ""
    url = _url(text, "file", "s3", host=not text.lower().startswith("file:"))
    if url.startswith("file:") and not url.startswith("file:///"):
        raise ValueError("a directory is written file:// and its absolute path: file:///var/spool/bodies")
    return url


def read_records_url(text: str) -> str:
    """A database; empty: the default place. A file of SQLite comes out with its four slashes."""
    if not text:
        return ""
    url = _url(text, "sqlite", "postgresql", host=not text.lower().startswith("sqlite:"))
    if not url.startswith("sqlite:"):
        return url
    if not url.startswith("sqlite:///"):
        raise ValueError(
            "a file is written sqlite:/// and its absolute path: sqlite:////var/spool/records.sqlite"
        )
    # SQLAlchemy takes three slashes for a path relative to wherever the gateway was started.
    return "sqlite:////" + url.removeprefix("sqlite:///").lstrip("/")


def read_web_url(text: str) -> str:
    """The URL of a server, or nothing."""
    return _url(text, "http", "https") if text else ""


def _url(text: str, *schemes: str, other: str = "", host: bool = True) -> str:
    # What is said of a URL never repeats it: it may hold a password.
    allowed = ", ".join(([other] if other else []) + [f"{scheme}://" for scheme in schemes])
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in schemes:
        raise ValueError(f"the URL is not of a kind that is possible here: begin it with {allowed}")
    try:
        parts = urlsplit(text)
        found, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "the URL cannot be read: check its host and port; in a password, %, /, @ and : are written "
            "%25, %2F, %40 and %3A"
        ) from None
    if host and not found:
        raise ValueError(f"the URL names no host: write it like {scheme.lower()}://host/...")
    return f"{scheme.lower()}://{rest}"


def word_of(kind: type[_E], **synonyms: str) -> Callable[[str], _E]:
    """A reader of one of the words of `kind`; case does not count."""

    def read(text: str) -> _E:
        word = text.lower()
        try:
            return kind(synonyms.get(word, word))
        except ValueError:
            raise ValueError(f"'{text}' is not possible here: use {', '.join(kind)}") from None

    return read


def reader(read: Callable[[str], _T]) -> BeforeValidator:
    """`read` for text, and nothing for what is a value already."""
    return BeforeValidator(lambda given: read(given) if type(given) is str else given)


def write(value: object) -> str:
    """The text that reads back as `value`, which is what a parameter or one element of its list holds."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case IntEnum():
            return str(value.value)
        case frozenset():
            return write_statuses(value)
        case _:
            return str(value)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is, in words for the reference, where its type does not say it."""

    text: str


_EMPTY = "may be empty"

Switch = Annotated[bool, reader(read_switch)]
Number = Annotated[int, reader(read_number)]
AbsolutePath = Annotated[Path, reader(read_path), Kind("absolute path")]
OptionalPath = Annotated[Path | None, reader(read_optional_path), Kind(f"absolute path; {_EMPTY}")]
Statuses = Annotated[frozenset[Status], reader(read_statuses), Kind(f"list of statuses; {_EMPTY}")]
MailAddress = Annotated[str, reader(read_address), Kind("mail address")]
Mask = Annotated[str, reader(read_mask), Kind("mask")]
NameMask = Annotated[str, reader(read_name_mask), Kind("mask")]
DomainMask = Annotated[str, reader(read_domain_mask), Kind("domain or mask")]
Hostname = Annotated[str, reader(read_hostname), Kind("host name")]
Zone = Annotated[str, reader(read_zone), Kind("DNS zone")]
IpAddress = Annotated[str, reader(read_ip), Kind("IP address")]
Listen = Annotated[InstanceOf[HostPort], reader(read_listen), Kind("address and port")]
OptionalListen = Annotated[
    InstanceOf[HostPort] | None, reader(read_optional_listen), Kind(f"address and port; {_EMPTY}")
]
DnsServer = Annotated[InstanceOf[HostPort], reader(read_dns_server), Kind("address, with or without port")]
Network = Annotated[
    InstanceOf[IPv4Network] | InstanceOf[IPv6Network], reader(parse_network), Kind("address or network")
]
Format = Annotated[str, reader(read_format), Kind("`strftime` format")]
Account = Annotated[str, reader(read_account), Kind("account")]
Namespace = Annotated[str, reader(read_namespace), Kind("word")]
Log = Annotated[str, reader(read_log), Kind(f"absolute path or `syslog`; {_EMPTY}")]
Statistics = Annotated[
    InstanceOf[Path] | InstanceOf[HostPort] | None,
    reader(read_statistics),
    Kind(f"absolute path or `host:port`; {_EMPTY}"),
]
Socket = Annotated[
    InstanceOf[LocalSocket] | InstanceOf[HostPort], reader(read_socket), Kind("`unix:/path` or `host:port`")
]
Connect = Annotated[InstanceOf[ConnectRule], reader(ConnectRule.parse), Kind("rule")]
Helo = Annotated[InstanceOf[HeloRule], reader(HeloRule.parse), Kind("rule")]
Mailfrom = Annotated[InstanceOf[MailfromRule], reader(MailfromRule.parse), Kind("rule")]
Relay = Annotated[InstanceOf[RelayRule], reader(RelayRule.parse), Kind("rule")]
Sender = Annotated[InstanceOf[SenderRule], reader(SenderRule.parse), Kind("rule")]
ForwardRoute = Annotated[InstanceOf[Route], reader(Route.parse), Kind("route")]
OutgoingRule = Annotated[InstanceOf[TlsRule], reader(TlsRule.parse), Kind("rule")]
BusUrl = Annotated[str, reader(read_bus_url), Kind("URL")]
BlobsUrl = Annotated[str, reader(read_blobs_url), Kind(f"URL; {_EMPTY}")]
RecordsUrl = Annotated[str, reader(read_records_url), Kind(f"URL; {_EMPTY}")]
WebUrl = Annotated[str, reader(read_web_url), Kind(f"URL; {_EMPTY}")]
FreeText = Annotated[str, Kind(f"text; {_EMPTY}")]
