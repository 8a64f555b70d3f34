"""Who sent a message: what is evaluated, and our own seal (`[gateway.authentication]`)."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, ClassVar

from pydantic import Field

from gateway.config.sections.section import Section
from gateway.config.values import Kind, Network, Number, OptionalPath, Switch, reader
from gateway.domain.endpoint import is_address, parse_host

_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*")


def read_domain(text: str) -> str:
    """A domain."""
    if is_address(text):
        raise ValueError(f"'{text}' is an address: write a domain")
    return parse_host(text).rstrip(".").lower()


def read_optional_domain(text: str) -> str:
    """A domain, or nothing."""
    return read_domain(text) if text else ""


def read_selector(text: str) -> str:
    """A selector of DKIM, or nothing."""
    if text and not _SELECTOR.fullmatch(text.lower()):
        raise ValueError(f"'{text}' is not a selector: use letters, digits, hyphens and dots")
    return text.lower()


Domain = Annotated[str, reader(read_domain), Kind("domain")]
OptionalDomain = Annotated[str, reader(read_optional_domain), Kind("domain; may be empty")]
Selector = Annotated[str, reader(read_selector), Kind("selector; may be empty")]


class AuthenticationSection(Section):
    """Who sent a message: SPF, DKIM, DMARC and ARC.

    What is found out stands in an `Authentication-Results` field on top, and helps the spam filter. It
    refuses nothing unless a policy says so (`RefuseSPFFail`, `RefuseDMARCFail`).
    """

    heading: ClassVar[str] = "gateway.authentication"

    check_spf: Switch = Field(
        default=True, description="Whether the client may send for the sender's domain."
    )
    check_dkim: Switch = Field(default=True, description="Whether signatures of domains hold.")
    check_dmarc: Switch = Field(
        default=True,
        description="Whether one of both speaks for the author; needs `CheckSPF` and `CheckDKIM`.",
    )
    check_arc: Switch = Field(
        default=True, description="Whether the chain of seals is whole of those who passed the message on."
    )
    timeout: Number = Field(
        default=20,
        ge=1,
        le=120,
        description="Seconds that a message waits at its end for what DNS has not answered yet. Then the "
        "result is `temperror`, and the message is taken.",
    )
    trusted_client: tuple[Network, ...] = Field(
        default=tuple(
            map(
                ip_network,
                (
                    *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
                    *("::1/128", "fc00::/7", "fe80::/10"),
                ),
            )
        ),
        description="Client, by address or network, whose mail is not asked who sent it: our own servers. "
        "So is that of clients that a `RelayRule` names.",
    )
    trusted_sealer: tuple[Domain, ...] = Field(
        default=(),
        description="Domain whose ARC seal is believed: `RefuseDMARCFail` lets pass what failed DMARC only "
        "after trusted sealers passed it on.",
    )
    seal_domain: OptionalDomain = Field(
        default="",
        description="Domain that seals, by ARC, mail whose content the gateway changed; empty: nobody does.",
    )
    seal_selector: Selector = Field(
        default="", description="Selector of the key: it is published at `<selector>._domainkey.<domain>`."
    )
    seal_key: OptionalPath = Field(
        default=None, description="Private key in PEM, RSA or Ed25519, without a passphrase."
    )
