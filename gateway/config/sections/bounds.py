"""Limits and time-outs: the numbers that keep the gateway within bounds (manual, chapter 6.1)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from gateway.config.sections.section import Section
from gateway.config.values import Number, Switch


class LimitsSection(Section):
    """How much at once, and how much from one client."""

    heading: ClassVar[str] = "smtpgw.limits"

    antiviral_sessions: Number = Field(default=10, ge=10, le=1024, description="Most scans at once.")
    incoming_sessions: Number = Field(default=100, ge=1, le=1024, description="Most open incoming sessions.")
    outgoing_sessions: Number = Field(default=20, ge=1, le=1024, description="Most open outgoing sessions.")
    maximal_incoming_hops: Number = Field(
        default=20, ge=1, le=100, description="Most hosts that a message may have passed; more are a loop."
    )
    maximal_incoming_message_size: Number = Field(
        default=10240, ge=64, le=204800, description="KB of the largest message that is accepted."
    )
    maximal_incoming_messages_per_session: Number = Field(
        default=100, ge=1, le=1024, description="Most messages in one session."
    )
    maximal_incoming_rcpts_per_message: Number = Field(
        default=100, ge=1, le=1024, description="Most recipients of one message."
    )
    maximal_incoming_session_size: Number = Field(
        default=10240, ge=64, le=2048000, description="Most KB of all messages in one session."
    )
    maximal_incoming_sessions_per_ip: Number = Field(
        default=4, ge=1, le=1024, description="Most open sessions from one address."
    )
    maximal_outgoing_sessions_per_host: Number = Field(
        default=4, ge=1, le=1024, description="Most open sessions to one host."
    )
    minimal_queue_free_space_size: Number = Field(
        default=0,
        ge=0,
        le=1000000,
        description="MB that stay free where the queue lies. Below them receiving pauses; 0 is no limit.",
    )


class TimeoutsSection(Section):
    """How long to wait, in SMTP and for the next try. Seconds, unless said otherwise."""

    heading: ClassVar[str] = "smtpgw.timeouts"

    maximal_backoff_time: Number = Field(
        default=21600, ge=60, le=64800, description="Longest wait before the next try."
    )
    minimal_backoff_time: Number = Field(
        default=1800, ge=64, le=64800, description="Shortest wait before the next try."
    )
    maximal_queue_lifetime: Number = Field(
        default=5,
        ge=1,
        le=14,
        description="Days of trying. Then the sender gets a DSN, and the message is dropped.",
    )
    read_timeout: Number = Field(
        default=120, ge=1, le=1200, description="Waiting for more from a client, at any point."
    )
    write_timeout: Number = Field(
        default=120, ge=1, le=1200, description="Waiting for a next hop to take more, at any point."
    )
    receiving_command_timeout: Number = Field(
        default=300,
        ge=1,
        le=1200,
        description="Waiting for a client's HELO or EHLO, MAIL FROM, first RCPT TO, or QUIT.",
    )
    receiving_data_initiation_timeout: Number = Field(
        default=600, ge=1, le=2400, description="Waiting for all further RCPT TO together, up to DATA."
    )
    receiving_data_termination_timeout: Number = Field(
        default=300, ge=1, le=7200, description="Waiting for the end of the data."
    )
    sending_initial_timeout: Number = Field(
        default=300, ge=1, le=1200, description="Waiting for the next hop's greeting."
    )
    sending_hello_timeout: Number = Field(
        default=300, ge=1, le=1200, description="Waiting for the next hop's reply to HELO or EHLO."
    )
    sending_mail_timeout: Number = Field(
        default=300, ge=1, le=1200, description="Waiting for the next hop's reply to MAIL FROM."
    )
    sending_rcpt_timeout: Number = Field(
        default=300, ge=1, le=1200, description="Waiting for the next hop's reply to RCPT TO."
    )
    sending_data_initiation_timeout: Number = Field(
        default=600, ge=1, le=2400, description="Waiting for the next hop's reply to DATA."
    )
    sending_data_termination_timeout: Number = Field(
        default=300, ge=1, le=7200, description="Waiting for the next hop's reply to the final dot."
    )
    sending_quit_timeout: Number = Field(
        default=300, ge=1, le=1200, description="Waiting for the next hop's reply to QUIT."
    )


class ResolveSection(Section):
    """The internal DNS client and what it remembers."""

    heading: ClassVar[str] = "smtpgw.resolve"

    internal_recursion_enabled: Switch = Field(
        default=False, description="Follow referrals itself, instead of asking the DNS server to."
    )
    internal_recursions_limit: Number = Field(
        default=32, ge=1, le=100, description="Deepest recursion of one query."
    )
    io_network_timeout: Number = Field(
        default=30, ge=1, le=1200, description="Seconds for an answer of a DNS server."
    )
    ip_cache_refresh_period: Number = Field(
        default=43200, ge=60, le=259200, description="Seconds between purges of expired addresses."
    )
    mx_cache_refresh_period: Number = Field(
        default=43200, ge=60, le=259200, description="Seconds between purges of expired MX records."
    )
    unreachable_cache_refresh_period: Number = Field(
        default=43200,
        ge=60,
        le=259200,
        description="Seconds between purges of hosts that could not be reached.",
    )
    unresolved_cache_refresh_period: Number = Field(
        default=43200, ge=60, le=259200, description="Seconds between purges of names that are not in DNS."
    )
    unresolved_ttl: Number = Field(
        default=600,
        ge=0,
        le=3600,
        description="Seconds during which a name that was not found is not asked for again.",
    )
    unreachable_ttl: Number = Field(
        default=600,
        ge=0,
        le=3600,
        description="Seconds during which a host that was not reached is not tried again. Must be below "
        "`MinimalBackoffTime`.",
    )
