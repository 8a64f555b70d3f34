"""What the gateway counts: the statistics of the manual's appendix A.6 (reference, section 14)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from gateway.domain.pipeline import Stage
from gateway.domain.policy import ObjectStatus, SpamStatus


class Counter(StrEnum):
    """What only rises. Names in `mta_`, `antiviral_`, `antispam_` are those of the statistics file."""

    RECEIVED_MESSAGES = "mta_received_messages"
    RECEIVED_BYTES = "mta_received_bytes"
    RECEIVED_RECIPIENTS = "mta_received_recipients"
    MALFORMED_MESSAGES = "mta_malformed_messages"

    INCOMING_CONNECTIONS = "mta_incoming_connections_total"
    INCOMING_CONNECTION_ERRORS = "mta_incoming_connections_errors"
    INCOMING_CONNECTIONS_REFUSED = "mta_incoming_connections_refused_total"
    REFUSED_FOR_SESSIONS = "mta_incoming_connections_refused_for_sessions_limit"
    REFUSED_FOR_SESSIONS_PER_IP = "mta_incoming_connections_refused_for_sessions_per_ip_limit"
    REFUSED_FOR_EARLY_TALKING = "mta_incoming_connections_refused_for_early_talking"

    RECEIVINGS_REFUSED = "mta_receivings_refused_total"
    REFUSED_FOR_MESSAGE_SIZE = "mta_receivings_refused_for_message_size_limit"
    REFUSED_FOR_SESSION_SIZE = "mta_receivings_refused_for_session_size_limit"
    REFUSED_FOR_HOPS = "mta_receivings_refused_for_hops_limit"
    REFUSED_FOR_MESSAGES_PER_SESSION = "mta_receivings_refused_for_messages_per_session_limit"
    REFUSED_FOR_ACCESS_RULES = "mta_receivings_refused_for_access_rules"
    REFUSED_FOR_UNKNOWN_RECIPIENTS = "mta_receivings_refused_for_unknown_recipients"
    REFUSED_FOR_GREYLISTING = "mta_receivings_refused_for_greylisting"
    REFUSED_FOR_SPF = "mta_receivings_refused_for_spf"
    REFUSED_FOR_DMARC = "mta_receivings_refused_for_dmarc"

    SENT_MESSAGES = "mta_sent_messages"
    SENT_BYTES = "mta_sent_bytes"
    SENT_RECIPIENTS = "mta_sent_recipients"
    SENDINGS_FAILED = "mta_sendings_failed_total"
    FAILED_FOR_MESSAGE_SIZE = "mta_sendings_failed_for_message_size_limit"
    FAILED_FOR_8BITMIME = "mta_sendings_failed_for_8bitmime"
    DSN_GENERATED = "mta_dsn_generated"

    OUTGOING_CONNECTIONS = "mta_outgoing_connections_total"
    OUTGOING_CONNECTION_ERRORS = "mta_outgoing_connection_errors"
    OUTGOING_CONNECTIONS_FAILED = "mta_outgoing_connections_failed_total"
    FAILED_THROUGH_CACHE = "mta_outgoing_connections_failed_through_cache"
    ROUTING_QUERIES = "mta_routing_queries_total"
    DNS_QUERIES = "mta_dns_queries_total"
    DNS_QUERIES_THROUGH_CACHE = "mta_dns_queries_through_cache"
    DNS_QUERIES_FAILED = "mta_dns_queries_failed"

    ANTIVIRAL_MESSAGES = "antiviral_checked_messages"
    ANTIVIRAL_OBJECTS = "antiviral_checked_objects"
    OBJECTS_CLEAN = "antiviral_objects_clean"
    OBJECTS_INFECTED = "antiviral_objects_infected"
    OBJECTS_DISINFECTED = "antiviral_objects_disinfected"
    OBJECTS_SUSPICIOUS = "antiviral_objects_suspicious"
    OBJECTS_PROTECTED = "antiviral_objects_protected"
    OBJECTS_ERROR = "antiviral_objects_error"
    OBJECTS_FILTERED = "antiviral_objects_filtered"
    OBJECTS_NOT_CHECKED = "antiviral_objects_not_checked"

    ANTISPAM_MESSAGES = "antispam_checked_messages"
    SPAM_MESSAGES = "antispam_spam_messages"
    PROBABLE_MESSAGES = "antispam_probable_messages"
    NOT_DETECTED_MESSAGES = "antispam_not_detected_messages"
    ANTISPAM_TIMEOUTS = "antispam_timeouts"
    ANTISPAM_CHECKS_LEFT_OUT = "antispam_checks_left_out"

    SPLIT_COPIES = "gateway_split_copies"
    STORED_COPIES = "gateway_stored_copies"
    RELEASED_COPIES = "gateway_released_copies"
    NOTICES_TO_ADMIN = "gateway_notices_to_admin"
    NOTICES_TO_RECIPIENT = "gateway_notices_to_recipient"
    NOTICES_TO_SENDER = "gateway_notices_to_sender"
    BLOCKED_RECIPIENTS = "gateway_blocked_recipients"
    FAILED_RECIPIENTS = "gateway_failed_recipients"
    DEFERRED_RECIPIENTS = "gateway_deferred_recipients"

    ANTISPAM_ONWARD = "gateway_antispam_onward"
    ANTISPAM_BLOCKED = "gateway_antispam_blocked"
    ANTISPAM_REMOVED = "gateway_antispam_removed"
    ANTISPAM_LATER = "gateway_antispam_later"
    ANTISPAM_PARKED = "gateway_antispam_parked"
    SCANNER_ONWARD = "gateway_scanner_onward"
    SCANNER_BLOCKED = "gateway_scanner_blocked"
    SCANNER_REMOVED = "gateway_scanner_removed"
    SCANNER_LATER = "gateway_scanner_later"
    SCANNER_PARKED = "gateway_scanner_parked"
    SENDER_DELIVERED = "gateway_sender_delivered"
    SENDER_BOUNCED = "gateway_sender_bounced"
    SENDER_REMOVED = "gateway_sender_removed"
    SENDER_REPLACED = "gateway_sender_replaced"
    SENDER_LATER = "gateway_sender_later"
    SENDER_PARKED = "gateway_sender_parked"

    UNSCANNED_ENCRYPTED = "gateway_unscanned_encrypted"
    UNSCANNED_LIMIT = "gateway_unscanned_limit"
    UNSCANNED_TIME = "gateway_unscanned_time"
    UNSCANNED_CRASH = "gateway_unscanned_crash"
    UNSCANNED_STRUCTURE = "gateway_unscanned_structure"
    UNSCANNED_UNSUPPORTED = "gateway_unscanned_unsupported"
    UNSCANNED_INCOMPLETE = "gateway_unscanned_incomplete"
    UNSCANNED_OTHER = "gateway_unscanned_other"


class Peak(StrEnum):
    """The most of something at once."""

    INCOMING_CONNECTIONS = "mta_incoming_connections_maximum"
    OUTGOING_CONNECTIONS = "mta_outgoing_connections_maximum"
    ANTIVIRAL_SESSIONS = "antiviral_checking_sessions_maximum"


class Timing(StrEnum):
    """What takes a time that is worth knowing."""

    RECEIVER = "receiver"  # from the end of a message to its answer
    ANTISPAM = "antispam"  # from taking a mail to letting go of it
    SCANNER = "scanner"
    SENDER = "sender"
    LOCAL_ENGINES = "local_engines"  # a message on the spot
    ISOLATED_ENGINES = "isolated_engines"  # parts of a message in the pool
    CLAMD = "clamd"  # one content
    DNS = "dns"  # a question that no cache answered


Took = Callable[[Timing, float], None]
"""Who hears how many seconds something took."""


class Count(Protocol):
    """Who counts."""

    def __call__(self, counter: Counter, by: int = 1, /) -> None:
        """So many more."""


class Gauge(StrEnum):
    """How much there is now. What a process says of itself is added up with what the others say."""

    INCOMING_CONNECTIONS = "mta_incoming_connections_current"
    OUTGOING_CONNECTIONS = "mta_outgoing_connections_current"
    ANTIVIRAL_SESSIONS = "antiviral_checking_sessions_current"
    LICENCE_USED = "licence_units_used"  # users, or MB of today; of no meaning beside another limit


def objects_with(status: ObjectStatus) -> Counter:
    """The counter of objects of that status."""
    return Counter(f"antiviral_objects_{status}")


def step_of(stage: Stage, result: str) -> Counter:
    """The counter of mails that a stage is done with: onward, later, parked, replaced, or as they ended."""
    return Counter(f"gateway_{stage}_{result}")


def messages_with(status: SpamStatus) -> Counter:
    """The counter of messages of that spam status."""
    return _MESSAGES_WITH[status]


def nobody_counts(counter: Counter, by: int = 1) -> None:
    """Stands for who counts, where statistics are of no use."""


def nobody_times(timing: Timing, seconds: float) -> None:
    """Stands for who measures times, in the same way."""


def nobody_measures(peak: Peak, value: int) -> None:
    """Stands for who measures peaks, in the same way."""


_MESSAGES_WITH = {
    SpamStatus.SPAM: Counter.SPAM_MESSAGES,
    SpamStatus.PROBABLE: Counter.PROBABLE_MESSAGES,
    SpamStatus.NOT_DETECTED: Counter.NOT_DETECTED_MESSAGES,
}
