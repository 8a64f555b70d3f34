"""What the operator laid down for receiving: the parameters of the configuration that the receiver keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.authentication.examination import Methods
from gateway.config.sections.authentication import AuthenticationSection
from gateway.config.sections.gateway import WhenAway
from gateway.config.settings import Settings
from gateway.domain.access import ConnectRule, HeloRule, MailfromRule, Network, RelayRule, SenderRule
from gateway.domain.policy import Group, Policy
from gateway.domain.storage import Storage
from services.receiver.authenticating import Authenticating
from services.receiver.greylisting import Greylisting
from services.receiver.recipients import Checking

_KB = 1024
_MB = 1024 * _KB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much clients may send (reference, section 12.8). Sizes are in bytes."""

    sessions: int
    sessions_per_ip: int
    messages_per_session: int
    session_size: int
    message_size: int
    recipients: int
    hops: int
    header_size: int
    free_space: int  # room that must be left for bodies; 0: any


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long clients may take (reference, section 12.12). Seconds."""

    command: float  # for HELO, MAIL, the first RCPT and QUIT, each
    data_initiation: float  # for all further RCPT together, up to DATA
    data_termination: float  # from 354 to the end of the data
    read: float  # between two pieces of data
    when_full: float = 10.0  # what a client may keep us waiting when others find no room


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All of it."""

    hostname: str
    postmaster: str
    relay: tuple[RelayRule, ...]
    connect: tuple[ConnectRule, ...] = ()
    helo: tuple[HeloRule, ...] = ()
    mailfrom: tuple[MailfromRule, ...] = ()
    black_lists: tuple[str, ...] = ()  # zones
    senders: tuple[SenderRule, ...] = ()
    checking: Checking = field(default_factory=Checking)
    greylisting: Greylisting = field(default_factory=Greylisting)
    greeting_pause: float = 0.0  # seconds
    policies: Mapping[str, Policy] = field(default_factory=dict)  # by the name of the group
    groups: tuple[Group, ...]
    protected_domains: tuple[str, ...]  # masks
    reject_malformed: bool
    starttls: bool  # whether STARTTLS is offered
    chunking: bool  # whether CHUNKING is
    proxies: tuple[Network, ...]  # from where connections begin with a PROXY header
    limits: Limits
    timeouts: Timeouts
    archive: Storage
    authenticating: Authenticating = field(default_factory=Authenticating)

    @property
    def greylists(self) -> bool:
        """Whether any policy wants strangers to come again."""
        return any(policy.greylist for policy in self.policies.values())


def rules_of(settings: Settings) -> Rules:
    """The receiver's part of the configuration."""
    limits, timeouts = settings.limits, settings.timeouts
    return Rules(
        hostname=settings.network.hostname,
        postmaster=settings.network.postmaster,
        relay=settings.access.relay_rule,
        connect=settings.access.connect_rule,
        helo=settings.access.helo_rule,
        mailfrom=settings.access.mailfrom_rule,
        black_lists=settings.access.dns_black_list,
        senders=settings.gateway_access.sender_rule,
        checking=Checking(
            known=settings.recipients.known,
            ask_next_hop=settings.recipients.ask_next_hop,
            routes=settings.forward.forward_route,
            known_ttl=settings.recipients.known_ttl,
            unknown_ttl=settings.recipients.unknown_ttl,
            accepts_unsure=settings.recipients.when_away is WhenAway.ACCEPT,
        ),
        greylisting=Greylisting(
            delay=timedelta(seconds=settings.greylist.delay),
            retry_within=timedelta(hours=settings.greylist.retry_hours),
            remembered=timedelta(days=settings.greylist.remember_days),
            proven_after=settings.greylist.proven_after,
            ipv4_prefix=settings.greylist.ipv4_prefix,
            ipv6_prefix=settings.greylist.ipv6_prefix,
            most=settings.greylist.most_remembered,
        ),
        greeting_pause=settings.gateway_access.greeting_pause,
        policies=settings.policies,
        groups=settings.groups,
        protected_domains=settings.network.protected_domains,
        reject_malformed=settings.options.reject_malformed,
        starttls=settings.tls.certificate is not None,
        chunking=settings.receiver.chunking,
        proxies=settings.receiver.proxy_from,
        limits=Limits(
            sessions=limits.incoming_sessions,
            sessions_per_ip=limits.maximal_incoming_sessions_per_ip,
            messages_per_session=limits.maximal_incoming_messages_per_session,
            session_size=limits.maximal_incoming_session_size * _KB,
            message_size=limits.maximal_incoming_message_size * _KB,
            recipients=limits.maximal_incoming_rcpts_per_message,
            hops=limits.maximal_incoming_hops,
            header_size=settings.receiver.maximal_header_size * _KB,
            free_space=limits.minimal_queue_free_space_size * _MB,
        ),
        timeouts=Timeouts(
            command=timeouts.receiving_command_timeout,
            data_initiation=timeouts.receiving_data_initiation_timeout,
            data_termination=timeouts.receiving_data_termination_timeout,
            read=timeouts.read_timeout,
        ),
        archive=settings.incoming_archive,
        authenticating=_authenticating(settings.authentication),
    )


def _authenticating(section: AuthenticationSection) -> Authenticating:
    return Authenticating(
        methods=Methods(
            spf=section.check_spf,
            dkim=section.check_dkim,
            dmarc=section.check_dmarc,
            arc=section.check_arc,
        ),
        trusted=section.trusted_client,
        sealers=frozenset(section.trusted_sealer),
        timeout=section.timeout,
    )
