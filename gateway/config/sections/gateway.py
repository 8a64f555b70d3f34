"""What the manual could not know: broker, stores, API, TLS, processes (`[gateway.*]`)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from gateway.config.sections.section import Section
from gateway.config.values import (
    BlobsUrl,
    BusUrl,
    FreeText,
    Mask,
    Namespace,
    Network,
    Number,
    OptionalListen,
    OptionalPath,
    RecordsUrl,
    Sender,
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


_DAYS = "Days that copies are kept in {}; 0: for ever."
_SIZE = "MB that all copies in {} may have together, the oldest go first; 0: any number."


class StoragesSection(Section):
    """How long archives and quarantines keep mail. Unless something is said here, nothing is ever removed."""

    heading: ClassVar[str] = "gateway.storages"

    incoming_archive_days: Number = Field(
        default=0, ge=0, le=36500, description=_DAYS.format("the incoming archive")
    )
    incoming_archive_size: Number = Field(
        default=0, ge=0, le=1_000_000_000, description=_SIZE.format("the incoming archive")
    )
    outgoing_archive_days: Number = Field(
        default=0, ge=0, le=36500, description=_DAYS.format("the outgoing archive")
    )
    outgoing_archive_size: Number = Field(
        default=0, ge=0, le=1_000_000_000, description=_SIZE.format("the outgoing archive")
    )
    av_quarantine_days: Number = Field(
        default=0, ge=0, le=36500, description=_DAYS.format("each anti-virus quarantine")
    )
    av_quarantine_size: Number = Field(
        default=0, ge=0, le=1_000_000_000, description=_SIZE.format("each anti-virus quarantine")
    )
    as_quarantine_days: Number = Field(
        default=0, ge=0, le=36500, description=_DAYS.format("each spam quarantine")
    )
    as_quarantine_size: Number = Field(
        default=0, ge=0, le=1_000_000_000, description=_SIZE.format("each spam quarantine")
    )


class NoticesSection(Section):
    """Notices to administrators, recipients and senders."""

    heading: ClassVar[str] = "gateway.notices"

    per_hour: Number = Field(
        default=60,
        ge=0,
        le=100_000,
        description="Most notices to one address within an hour; more are left out.",
    )


class ApiSection(Section):
    """The HTTP API and the console."""

    heading: ClassVar[str] = "gateway.api"

    listen: OptionalListen = Field(
        default=HostPort("127.0.0.1", 8025), description="`ip:port` or `[ipv6]:port`; empty: no API."
    )
    token_file: OptionalPath = Field(default=None, description="File with the tokens that may use the API.")
    certificate: OptionalPath = Field(
        default=None, description="Chain in PEM; with `Key`, the API speaks HTTPS and nothing else."
    )
    key: OptionalPath = Field(default=None, description="Private key in PEM, without a passphrase.")
    requests_per_minute: Number = Field(
        default=600, ge=10, le=1_000_000, description="Most requests with one token in a minute."
    )
    failures_per_minute: Number = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Most requests without a good token from one address (IPv6: from one /64) in a minute.",
    )
    audit_days: Number = Field(
        default=365, ge=1, le=3650, description="Days that it is remembered who changed what over the API."
    )


METRICS_PORT = 9465
"""Where the pages for monitoring are, wherever the gateway's own files say so."""


class MetricsSection(Section):
    """Each process's own pages for monitoring."""

    heading: ClassVar[str] = "gateway.metrics"

    listen: OptionalListen = Field(
        default=None,
        description="`ip:port` or `[ipv6]:port` for `/metrics`, `/healthz` and `/readyz`; empty: off. When "
        "`smtpgw` runs several processes, each has the port behind that of the one before: see "
        "[metrics](metrics.md).",
    )


class TracesSection(Section):
    """Traces over OpenTelemetry: one for the whole way of a message."""

    heading: ClassVar[str] = "gateway.traces"

    endpoint: WebUrl = Field(
        default="",
        description="URL of a collector that speaks OTLP over HTTP, as `http://collector.example:4318`; "
        "empty: nothing is traced. What it asks to be told besides stands in the environment, as "
        "`OTEL_EXPORTER_OTLP_HEADERS`.",
    )
    share: Number = Field(
        default=100, ge=1, le=100, description="Of a hundred messages, so many are traced, by chance."
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
        default=(Engine.TESTFILE, Engine.SIGNATURES),
        min_length=1,
        description="`testfile` knows the test files alone, `signatures` our own databases, "
        "`clamd` asks ClamAV.",
    )
    clamd_address: Socket = Field(
        default=LocalSocket("/run/clamav/clamd.ctl"),
        description="Where clamd listens: `unix:/path` or `host:port`.",
    )
    clamd_official_only: Switch = Field(
        default=False,
        description="clamd has no databases but ClamAV's own (`OfficialDatabaseOnly` in its configuration), "
        "so its version tells all that it knows: then `UseIChecker` is for what it found clean, too.",
    )
    remembered_objects: Number = Field(
        default=1048576,
        ge=1024,
        le=1073741824,
        description="Answers of engines that `UseIChecker` remembers, in 32 bytes each.",
    )


class ObjectsSection(Section):
    """How far the scanner takes one message apart. What lies beyond is an Error object, never a clean one."""

    heading: ClassVar[str] = "gateway.objects"

    maximal_depth: Number = Field(
        default=16, ge=1, le=64, description="Most archives and other containers inside each other."
    )
    maximal_objects: Number = Field(
        default=10_000, ge=1, le=1_000_000, description="Most objects that come out of containers."
    )
    maximal_object_size: Number = Field(
        default=65536, ge=64, le=1048576, description="KB of the largest object that comes out of one."
    )
    maximal_unpacked_size: Number = Field(
        default=262144, ge=64, le=4194304, description="KB of all objects together that come out of them."
    )
    maximal_ratio: Number = Field(
        default=250,
        ge=1,
        le=100_000,
        description="How many times its own size an attachment may become, once it becomes more than 16 MB.",
    )
    isolated_memory: Number = Field(
        default=1024,
        ge=256,
        le=16384,
        description="MB of address space for each process in which containers are opened.",
    )


class GatewayAccessSection(Section):
    """Who may send, beyond the rules of `[smtpgw.access]`: the site's own allow and block list."""

    heading: ClassVar[str] = "gateway.access"

    sender_rule: tuple[Sender, ...] = Field(
        default=(),
        description="`allow|deny from <mask>|<ip>|<ip>/<mask>|<>|any to <mask>`: the list of senders, of "
        "which the first line that matches decides. A mask of addresses has an `@`, one of domains has "
        "none, and `<>` is the null sender. Who is allowed here is not held against `ConnectRule`, "
        "`HeloRule`, `MailfromRule`; that lets nobody relay. Addresses are easily forged: prefer networks.",
    )
    greeting_pause: Number = Field(
        default=0,
        ge=0,
        le=60,
        description="Seconds before the greeting in which a client must not speak; who does is turned away. "
        "Clients that a rule names, or that have waited in the last day, do not wait; 0: nobody does.",
    )


class WhenAway(StrEnum):
    """What becomes of a recipient of whom the next hop cannot say whether it exists."""

    ACCEPT = "accept"
    DEFER = "defer"  # the client is told to come again


class RecipientsSection(Section):
    """How it is known which recipients exist, where `CheckRecipients` of the policy asks for it."""

    heading: ClassVar[str] = "gateway.recipients"

    known: tuple[Mask, ...] = Field(
        default=(), description="An address, or a mask of addresses, that exists: `file:` has lists of them."
    )
    ask_next_hop: Switch = Field(
        default=False,
        description="Ask the next hop of `ForwardRoute` about all others, by an SMTP session without a "
        "message. Who has no `ForwardRoute` is taken unasked.",
    )
    when_away: Annotated[WhenAway, reader(word_of(WhenAway))] = Field(
        default=WhenAway.ACCEPT,
        description="What becomes of a recipient while the next hop cannot say whether it exists: `accept`, "
        "or `defer`, which tells the client to come again.",
    )
    known_ttl: Number = Field(
        default=7200,
        ge=0,
        le=604800,
        description="Seconds during which the next hop is not asked again for a recipient that exists.",
    )
    unknown_ttl: Number = Field(
        default=600, ge=0, le=604800, description="The same for one that does not exist."
    )


class DsnSection(Section):
    """What senders are told of mail that takes long; the manual's `DSNTemplate` is in `[smtpgw.options]`."""

    heading: ClassVar[str] = "gateway.dsn"

    delay_after: Number = Field(
        default=14400,
        ge=0,
        le=1209600,
        description="Seconds after which a sender that asked for it (`NOTIFY=DELAY`) is told that its "
        "message is delayed, at the next try that fails, once for each recipient; 0: never.",
    )
    delay_unasked: Switch = Field(
        default=False, description="Tell senders, too, that did not say what they want to hear (no `NOTIFY`)."
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


class GreylistSection(Section):
    """How strangers are met, where `Greylist` of the policy wants it."""

    heading: ClassVar[str] = "gateway.greylist"

    delay: Number = Field(
        default=300,
        ge=1,
        le=86400,
        description="Seconds before which a message must not come again: so long, at least, it is delayed.",
    )
    retry_hours: Number = Field(
        default=48, ge=1, le=336, description="Hours within which it has to come again."
    )
    remember_days: Number = Field(
        default=36,
        ge=1,
        le=365,
        description="Days since their last mail during which those are remembered who came again.",
    )
    proven_after: Number = Field(
        default=5,
        ge=1,
        le=1000,
        description="Messages of a client that came again; after so many none has to any more.",
    )
    ipv4_prefix: Number = Field(
        default=24, ge=8, le=32, description="Bits of an IPv4 address that tell clients apart."
    )
    ipv6_prefix: Number = Field(
        default=64, ge=16, le=128, description="Bits of an IPv6 address that tell clients apart."
    )
    most_remembered: Number = Field(
        default=1_000_000,
        ge=1000,
        le=100_000_000,
        description="Messages remembered, of all receivers; beyond them the least useful are forgotten.",
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
