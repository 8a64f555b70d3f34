"""How the gateway reaches others: TLS, ways out, and DNS (`[gateway.*]`)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from gateway.config.sections.section import Section
from gateway.config.values import (
    DnsServer,
    IpAddress,
    Listen,
    OptionalPath,
    OutgoingRule,
    Switch,
    reader,
    word_of,
)
from gateway.domain.tls import OutgoingTls


class TlsVersion(StrEnum):
    """The oldest version of TLS that is spoken."""

    V1_2 = "1.2"
    V1_3 = "1.3"


class TlsSection(Section):
    """Encryption of SMTP, in both directions."""

    heading: ClassVar[str] = "gateway.tls"

    certificate: OptionalPath = Field(
        default=None, description="Chain in PEM; with `Key`, STARTTLS is offered to clients."
    )
    key: OptionalPath = Field(default=None, description="Private key in PEM, without a passphrase.")
    minimum_version: Annotated[TlsVersion, reader(word_of(TlsVersion))] = Field(
        default=TlsVersion.V1_2, description="Oldest version of TLS that is spoken, 1.2 or 1.3."
    )
    listen_on: tuple[Listen, ...] = Field(
        default=(),
        description="`ip:port` or `[ipv6]:port` to receive mail on with TLS from the first byte, as on port "
        "465.",
    )
    tls: Annotated[OutgoingTls, reader(word_of(OutgoingTls))] = Field(
        default=OutgoingTls.MAY,
        description="Of the sender: `none`, `may` where it is offered, `encrypt` always, `verify` always and "
        "with a valid certificate.",
    )
    tls_rule: tuple[OutgoingRule, ...] = Field(
        default=(),
        description="Of the sender: `<mask> none|may|encrypt|verify [/authorities.pem]`, what holds instead "
        "of `Tls` for the domains, and the hosts of `ForwardRoute`, that the mask names. The first that "
        "matches is taken. With `verify`, the file may name the only authorities to trust there. What "
        "such destinations publish (MTA-STS, DANE) does not count.",
    )
    ca_file: OptionalPath = Field(
        default=None,
        description="Of the sender: authorities to trust, in PEM; empty: those of the system.",
    )
    mta_sts: Switch = Field(
        default=False,
        description="Of the sender: ask domains for their policy over HTTPS, and keep to it "
        "(MTA-STS, RFC 8461).",
    )
    dane: Switch = Field(
        default=False,
        description="Of the sender: keep to the certificates that DNS names (DANE, RFC 7672). The DNS server "
        "has to validate DNSSEC, and nobody may come between: it should run on this host.",
    )


class DeliverySection(Section):
    """How the sender brings mail to other servers."""

    heading: ClassVar[str] = "gateway.delivery"

    own_address: tuple[IpAddress, ...] = Field(
        default=(),
        description="Address at which others reach this gateway on port 25, although this host does not have "
        "it: that of a load balancer or a translator. Mail that DNS sends there would come back.",
    )


class DnsSection(Section):
    """Whom the internal DNS client asks."""

    heading: ClassVar[str] = "gateway.dns"

    server: tuple[DnsServer, ...] = Field(
        default=(),
        description="Server to ask, `ip`, `ip:port` or `[ipv6]:port`; none: those of the system.",
    )
