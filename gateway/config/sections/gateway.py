"""What the manual could not know: broker, stores, API, TLS, processes (`[gateway.*]`)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from gateway.config.sections.section import Section
from gateway.config.values import (
    BlobsUrl,
    BusUrl,
    DnsServer,
    FreeText,
    Listen,
    Namespace,
    Network,
    Number,
    OptionalListen,
    OptionalPath,
    RecordsUrl,
    Socket,
    Switch,
    WebUrl,
    reader,
    word_of,
)
from gateway.domain.endpoint import HostPort, LocalSocket


class BusSection(Section):
    """How mail moves between the stages."""

    heading: ClassVar[str] = "gateway.bus"

    url: BusUrl = Field(
        default="embedded:",
        repr=False,
        description="`embedded:` for one machine, its file `bus.sqlite` lies in `QueuePath`; or a broker, "
        "`amqp://user:password@host:5672/vhost` (`amqps:` with TLS).",
    )
    prefetch: Number = Field(default=64, ge=1, le=4096, description="Mails that one process takes at once.")
    namespace: Namespace = Field(
        default="mailwarden",
        description="Begins all names on the broker, so that several gateways can share one. Letters, "
        "digits, hyphen and underscore.",
    )


class BlobsSection(Section):
    """Where the bytes of messages lie."""

    heading: ClassVar[str] = "gateway.blobs"

    url: BlobsUrl = Field(
        default="",
        description="`file:///directory` or `s3://bucket/prefix`; empty: the directory `bodies` in "
        "`QueuePath`. S3 credentials come from the environment alone: "
        "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`.",
    )
    endpoint: WebUrl = Field(default="", description="URL of an S3 server other than that of AWS.")
    region: FreeText = Field(default="us-east-1", description="Region of the S3 bucket.")


class RecordsSection(Section):
    """Where states, storages, statistics and history are recorded."""

    heading: ClassVar[str] = "gateway.records"

    url: RecordsUrl = Field(
        default="",
        repr=False,
        description="`sqlite:////file` or `postgresql://user:password@host:5432/database`; empty: "
        "`records.sqlite` in `QueuePath`.",
    )
    history_days: Number = Field(
        default=30, ge=1, le=3650, description="Days that the journey of a mail is remembered."
    )


class ApiSection(Section):
    """The HTTP API and the console."""

    heading: ClassVar[str] = "gateway.api"

    listen: OptionalListen = Field(
        default=HostPort("127.0.0.1", 8025), description="`ip:port` or `[ipv6]:port`; empty: no API."
    )
    token_file: OptionalPath = Field(default=None, description="File with the tokens that may use the API.")


class MetricsSection(Section):
    """Each process's own pages for monitoring."""

    heading: ClassVar[str] = "gateway.metrics"

    listen: OptionalListen = Field(
        default=None,
        description="`ip:port` or `[ipv6]:port` for `/metrics`, `/healthz` and `/readyz`; empty: off.",
    )


class Engine(StrEnum):
    """What looks for threats in an object."""

    TESTFILE = "testfile"
    SIGNATURES = "signatures"
    CLAMD = "clamd"


class EnginesSection(Section):
    """What the scanner asks about each object."""

    heading: ClassVar[str] = "gateway.engines"

    engine: tuple[Annotated[Engine, reader(word_of(Engine))], ...] = Field(
        default=(Engine.TESTFILE,),
        min_length=1,
        description="`testfile` knows the test files alone, `signatures` our own databases, "
        "`clamd` asks ClamAV.",
    )
    clamd_address: Socket = Field(
        default=LocalSocket("/run/clamav/clamd.ctl"),
        description="Where clamd listens: `unix:/path` or `host:port`.",
    )


class TlsVersion(StrEnum):
    """The oldest version of TLS that is spoken."""

    V1_2 = "1.2"
    V1_3 = "1.3"


class OutgoingTls(StrEnum):
    """Whether the sender asks a next hop for TLS."""

    NONE = "none"  # never
    MAY = "may"  # where it is offered, whatever the certificate
    ENCRYPT = "encrypt"  # always, whatever the certificate
    VERIFY = "verify"  # always, with a certificate that is valid for the host


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


class ReceiverSection(Section):
    """How mail is received, as far as the manual does not say."""

    heading: ClassVar[str] = "gateway.receiver"

    proxy_from: tuple[Network, ...] = Field(
        default=(),
        description="Balancer, by address or network, whose connections begin with a PROXY header (version 1 "
        "or 2) that names the client. From nobody else is one believed.",
    )
    chunking: Switch = Field(
        default=False, description="Offer CHUNKING: messages may come in parts, by BDAT instead of DATA."
    )
    maximal_header_size: Number = Field(
        default=256, ge=16, le=4096, description="KB of the largest header of a message that is accepted."
    )


class DnsSection(Section):
    """Whom the internal DNS client asks."""

    heading: ClassVar[str] = "gateway.dns"

    server: tuple[DnsServer, ...] = Field(
        default=(),
        description="Server to ask, `ip`, `ip:port` or `[ipv6]:port`; none: those of the system.",
    )


class ProcessesSection(Section):
    """Processes of each stage, when `smtpgw` runs the pipeline over a broker."""

    heading: ClassVar[str] = "gateway.processes"

    receiver: Number = Field(
        default=1, ge=1, le=64, description="Receivers; they share the ports of `ListenOn`."
    )
    antispam: Number = Field(default=1, ge=1, le=64, description="Spam filters.")
    scanner: Number = Field(default=1, ge=1, le=64, description="Scanners.")
    sender: Number = Field(default=1, ge=1, le=64, description="Senders.")
    api: Number = Field(default=1, ge=0, le=1, description="APIs; 0 where another machine has it.")
