"""The rules of `[smtpgw.access]` and `[gateway.access]`: who may send to whom.

Each rule ends in a mask of recipients, so it is judged per recipient, at RCPT TO. Within one parameter
the first rule whose condition and mask both hold decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self, TypeVar

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

EVERYBODY = "*"
"""The mask that names every recipient. `any` is another spelling of it."""

NULL_SENDER = "<>"
"""How the sender of bounces is written in a rule."""


class ConnectCondition(StrEnum):
    """What a `ConnectRule` asks of the client's address."""

    IN_DNSBL = "in_dnsbl"  # it is on one of the lists of `DNSBlackList`
    OUT_DNSBL = "out_dnsbl"
    HAS_NAME = "has_name"  # a host name is found for it
    NO_NAME = "no_name"
    ANY = "any"


class HeloCondition(StrEnum):
    """What a `HeloRule` asks of the name given in HELO or EHLO."""

    HAS_IP = "has_ip"  # it resolves
    NO_IP = "no_ip"
    SAME_IP = "same_ip"  # it resolves to the client's address
    DIFF_IP = "diff_ip"
    ANY = "any"


class MailfromCondition(StrEnum):
    """What a `MailfromRule` asks of the sender's domain."""

    HAS_IP = "has_ip"  # it has an address record
    NO_IP = "no_ip"
    HAS_MX = "has_mx"
    NO_MX = "no_mx"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class ConnectRule:
    """`allow|deny from in_dnsbl|out_dnsbl|has_name|no_name|any to <mask>`."""

    allows: bool
    condition: ConnectCondition
    recipients: str  # one mask

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule. `ValueError` says what is wrong."""
        allows, source, recipients = _parts(text)
        return cls(allows, _condition(ConnectCondition, source), recipients)

    def __str__(self) -> str:
        return _written(self.allows, self.condition, self.recipients)


@dataclass(frozen=True, slots=True)
class HeloRule:
    """`allow|deny from has_ip|no_ip|same_ip|diff_ip|any to <mask>`."""

    allows: bool
    condition: HeloCondition
    recipients: str  # one mask

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule. `ValueError` says what is wrong."""
        allows, source, recipients = _parts(text)
        return cls(allows, _condition(HeloCondition, source), recipients)

    def __str__(self) -> str:
        return _written(self.allows, self.condition, self.recipients)


@dataclass(frozen=True, slots=True)
class MailfromRule:
    """`allow|deny from has_ip|no_ip|has_mx|no_mx|any to <mask>`."""

    allows: bool
    condition: MailfromCondition
    recipients: str  # one mask

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule. `ValueError` says what is wrong."""
        allows, source, recipients = _parts(text)
        return cls(allows, _condition(MailfromCondition, source), recipients)

    def __str__(self) -> str:
        return _written(self.allows, self.condition, self.recipients)


@dataclass(frozen=True, slots=True)
class RelayRule:
    """`allow|deny from <ip>|<ip>/<mask>|any to <mask>`."""

    allows: bool
    network: Network | None  # None: any client
    recipients: str  # one mask

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule. `ValueError` says what is wrong."""
        allows, source, recipients = _parts(text)
        return cls(allows, None if source.lower() == "any" else parse_network(source), recipients)

    @property
    def names_client(self) -> bool:
        """Whether it is about certain clients, and not about whoever comes."""
        return self.network is not None and self.network.prefixlen > 0

    def __str__(self) -> str:
        return _written(self.allows, "any" if self.network is None else str(self.network), self.recipients)


@dataclass(frozen=True, slots=True)
class SenderRule:
    """`allow|deny from <sender mask>|<ip>|<ip>/<mask>|<>|any to <mask>`: a line of the list of senders."""

    allows: bool
    source: Network | str  # a mask of addresses, one of domains if it has no "@", or `NULL_SENDER`
    recipients: str  # one mask

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule. `ValueError` says what is wrong."""
        allows, source, recipients = _parts(text)
        return cls(allows, _sender(source), recipients)

    def __str__(self) -> str:
        source = "any" if self.source == EVERYBODY else str(self.source)
        return _written(self.allows, source, self.recipients)


def client_address(text: str) -> Address:
    """The address of a client as rules see it: IPv4 that came in as `::ffff:192.0.2.1` is IPv4."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def parse_network(text: str) -> Network:
    """Read `192.0.2.1`, `192.0.2.0/255.255.255.0`, `192.0.2.0/24` or the same of IPv6.

    The address may have bits beyond the mask: `192.0.2.9/24` is the network of that host.
    """
    _, slash, mask = text.partition("/")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"'{text}' is no network: write address, address/bits or address/255.255.0.0"
        ) from None
    # The library would also read a host mask, 0.0.0.255, which is easily a slip of the pen.
    if slash and "." in mask and mask != str(network.netmask):
        raise ValueError(f"'{mask}' is no subnet mask: write it like 255.255.255.0")
    return network


_RULE = re.compile(r"(allow|deny)\s+from\s+(\S+)\s+to\s+(\S+)", re.IGNORECASE)


def _parts(text: str) -> tuple[bool, str, str]:
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is not of the form 'allow|deny from <source> to <recipient mask>'")
    verb, source, recipients = found.groups()
    if recipients[0] == "<" or recipients[-1] == ">":
        raise ValueError(f"'{recipients}' has angle brackets: write the address alone")
    return verb.lower() == "allow", source, EVERYBODY if recipients.lower() == "any" else recipients


# What could be meant for nothing else is read as a network, so that a slip in it is told.
_LIKE_A_NETWORK = re.compile(r"[0-9][0-9./*?]*|[^@]*[:/][^@]*")


def _sender(source: str) -> Network | str:
    if source == NULL_SENDER:
        return source
    if "<" in source or ">" in source:
        raise ValueError(f"'{source}' has angle brackets: write the address alone, or <> for the null sender")
    if _LIKE_A_NETWORK.fullmatch(source):
        return parse_network(source)
    return EVERYBODY if source.lower() == "any" else source


_Condition = TypeVar("_Condition", bound=StrEnum)


def _condition(kind: type[_Condition], source: str) -> _Condition:
    try:
        return kind(source.lower())
    except ValueError:
        raise ValueError(f"'{source}' is not a condition here: use {', '.join(kind)}") from None


def _written(allows: bool, source: str, recipients: str) -> str:
    return f"{'allow' if allows else 'deny'} from {source} to {recipients}"
