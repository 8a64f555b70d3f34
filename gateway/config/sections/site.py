"""The site: paths, names, routes, access, and how the two filters look (manual, appendix A.2)."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from gateway.config.sections.section import Section
from gateway.config.values import (
    AbsolutePath,
    Account,
    Connect,
    DomainMask,
    Format,
    ForwardRoute,
    Helo,
    Hostname,
    Listen,
    Log,
    MailAddress,
    Mailfrom,
    Number,
    OptionalPath,
    Relay,
    Statistics,
    Switch,
    Zone,
    read_number,
    reader,
    word_of,
)
from gateway.domain.endpoint import HostPort
from gateway.domain.policy import Degree


class PathSection(Section):
    """Where the databases and the licence keys lie."""

    heading: ClassVar[str] = "path"

    bases_path: AbsolutePath = Field(
        description="Directory of the anti-virus and the content filtering databases."
    )
    license_path: AbsolutePath = Field(description="Directory of the licence keys.")


class LocaleSection(Section):
    """How date and time are written in the log."""

    heading: ClassVar[str] = "locale"

    date_format: Format = Field(default="%d/%m/%y", description="Date, in the codes of strftime.")
    time_format: Format = Field(default="%H:%M:%S", description="Time, in the codes of strftime.")


class AccessSection(Section):
    """Which clients may send to whom. Within one parameter, the first rule that matches decides."""

    heading: ClassVar[str] = "smtpgw.access"

    connect_rule: tuple[Connect, ...] = Field(
        default=(),
        description="`allow|deny from in_dnsbl|out_dnsbl|has_name|no_name|any to <mask>`: judges the "
        "client's address. Without a matching rule the client is allowed.",
    )
    helo_rule: tuple[Helo, ...] = Field(
        default=(),
        description="`allow|deny from has_ip|no_ip|same_ip|diff_ip|any to <mask>`: judges the name that the "
        "client gives in HELO or EHLO. Without a matching rule the client is allowed.",
    )
    mailfrom_rule: tuple[Mailfrom, ...] = Field(
        default=(),
        description="`allow|deny from has_ip|no_ip|has_mx|no_mx|any to <mask>`: judges the sender's domain. "
        "Without a matching rule the sender is allowed.",
    )
    relay_rule: tuple[Relay, ...] = Field(
        default=(),
        description="`allow|deny from <ip>|<ip>/<mask>|any to <mask>`: which client may send to which "
        "recipient. Without a matching rule the recipient is refused.",
    )
    dns_black_list: tuple[Zone, ...] = Field(
        default=(),
        description="A DNS black list, by its zone, that `in_dnsbl` and `out_dnsbl` ask about the client.",
    )


class AntispamSection(Section):
    """How the spam filter looks at mail."""

    heading: ClassVar[str] = "smtpgw.antispam"

    spam_detection: Annotated[Degree, reader(word_of(Degree))] = Field(
        default=Degree.STANDARD,
        description="How readily mail is called spam: `soft`, `standard` or `hard`.",
    )
    max_size: Number = Field(
        default=1024,
        ge=0,
        le=204800,
        description="KB. Larger messages are not looked at for spam; 0 is no limit.",
    )
    timeout: Number = Field(
        default=30,
        ge=1,
        le=3600,
        description="Seconds for one message. When they are over, its status is Not detected.",
    )
    dns_black_list: tuple[Zone, ...] = Field(
        default=(),
        description="A DNS black list of addresses, by its zone. Mail of a client that it has is more likely "
        "to be called spam.",
    )
    dns_domain_black_list: tuple[Zone, ...] = Field(
        default=(),
        description="A DNS black list of domains, by its zone, that is asked about the links of a message.",
    )


class AveSection(Section):
    """How the scanner looks at objects."""

    heading: ClassVar[str] = "smtpgw.ave"

    cure: Switch = Field(
        default=False, description="Try to disinfect. Only then can an object become Disinfected."
    )
    scan_archives: Switch = Field(default=True, description="Look into archives.")
    scan_mail_bases: Switch = Field(
        default=True, description="Look into mail databases and attached messages."
    )
    scan_timeout: Number = Field(
        default=180,
        ge=0,
        le=3600,
        description="Seconds for one object, which is an Error beyond them; 0 is no limit.",
    )
    use_ichecker: Switch = Field(
        default=True, description="Do not scan again what was found clean with the same databases."
    )


class ForwardSection(Section):
    """The routing table."""

    heading: ClassVar[str] = "smtpgw.forward"

    forward_route: tuple[ForwardRoute, ...] = Field(
        default=(),
        description="`<mask> domain`, `<mask> [host]` or `<mask> [host:port]`: where mail to these "
        "recipients goes; the first that matches is taken. A domain is looked up in MX records, "
        "brackets switch that off. `lmtp:[host:port]` and `lmtp:[unix:/path]` deliver by LMTP. Without "
        "a matching route, mail goes to the MX hosts of the recipient's domain.",
    )


class NetworkSection(Section):
    """Where the gateway listens, and what it calls itself."""

    heading: ClassVar[str] = "smtpgw.network"

    listen_on: tuple[Listen, ...] = Field(
        default=(HostPort("0.0.0.0", 25),),  # noqa: S104 - the manual's default: a mail gateway serves all interfaces
        min_length=1,
        description="`ip:port` or `[ipv6]:port` to receive mail on.",
    )
    hostname: Hostname = Field(
        description="Full name of this host, used in SMTP, in DSN and in notifications."
    )
    postmaster: MailAddress = Field(description="The address that mail to `<postmaster>` goes to.")
    protected_domains: tuple[DomainMask, ...] = Field(
        min_length=1, description="A domain, or a mask of domains, whose mail is scanned."
    )


class LogLevel(IntEnum):
    """How much is logged. Fatal errors always are."""

    FATAL = 0
    ERROR = 1
    WARNING = 2
    NOTICE = 3
    ACTIVITY = 4
    DEBUG = 9


def read_level(text: str) -> LogLevel:
    """One of the six levels."""
    number = read_number(text)
    if number not in {*LogLevel}:
        raise ValueError(
            f"there is no level {number}: use {', '.join(str(int(level)) for level in LogLevel)}"
        )
    return LogLevel(number)


Level = Annotated[LogLevel, reader(read_level)]


class OptionsSection(Section):
    """Files of the gateway's own, and what fits nowhere else."""

    heading: ClassVar[str] = "smtpgw.options"

    log_filename: Log = Field(default="", description="Log file, or `syslog`; empty: no log at all.")
    log_level: Level = Field(
        default=LogLevel.ACTIVITY,
        description="0 fatal errors, 1 errors, 2 warnings, 3 notices, 4 activity, 9 everything.",
    )
    ichecker_db_filename: OptionalPath = Field(
        default=None,
        description="Where `UseIChecker` remembers clean objects; empty: `ichecker.table` in `QueuePath`.",
    )
    stat_filename: OptionalPath = Field(
        default=None, description="File that the `stats` command writes; empty: `smtpgw.stat` in `QueuePath`."
    )
    av_statistics: Statistics = Field(
        default=None,
        description="A line for each scanned object: a file, or a TCP socket `host:port`; empty: none.",
    )
    reject_malformed: Switch = Field(
        default=False,
        description="Do not deliver messages that break the standards; else they are mended and go on.",
    )
    dsn_template: OptionalPath = Field(
        default=None, description="Template of delivery reports; empty: the one that comes with the gateway."
    )
    user: Account = Field(
        default="mailwarden", description="Account that the gateway runs as; empty: the one that starts it."
    )
    group: Account = Field(
        default="mailwarden", description="Group that the gateway runs as; empty: that of the account."
    )
    pid_file: AbsolutePath = Field(
        default=Path("/run/mailwarden/smtpgw.pid"), description="File with the process number."
    )


class SmtpgwPathSection(Section):
    """Directories of the gateway."""

    heading: ClassVar[str] = "smtpgw.path"

    incoming_archive_path: OptionalPath = Field(
        default=None, description="Archive of all accepted messages, infected ones too; empty: off."
    )
    outgoing_archive_path: OptionalPath = Field(
        default=None,
        description="Archive of messages delivered or blocked, and of our own notifications; empty: off.",
    )
    queue_path: AbsolutePath = Field(description="Directory of the working queue.")
    control_path: AbsolutePath = Field(description="Directory that is watched for control files.")
