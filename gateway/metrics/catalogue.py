"""Every metric of the gateway. Labels have the values that stand here, or in an enum: never an address.

Counters are those of `domain/statistics.py`, which are also stored: what an operator reads in the
statistics is what Prometheus adds up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gateway.domain.pipeline import Stage
from gateway.domain.policy import ObjectStatus, SpamStatus
from gateway.domain.statistics import Counter, Gauge, Timing, messages_with, objects_with
from gateway.metrics.family import Collected, Family, Kind, Sample

PREFIX = "mailwarden_"

OTHER = "other"
"""The value of a label for what is counted in all, and has no counter of its own."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A family of counters: which one is behind each value of its labels."""

    family: Family
    of: Mapping[tuple[str, ...], Counter]
    among: Counter | None = None  # counted with each of them, and alone for what none of them is about

    def collected(self, totals: Mapping[str, int]) -> Collected:
        """The family with the numbers of these totals."""
        samples = [Sample(totals[counter], labels) for labels, counter in self.of.items()]
        if self.among is not None:
            rest = totals[self.among] - sum(totals[counter] for counter in self.of.values())
            samples.append(Sample(rest, (OTHER,)))
        return Collected(self.family, samples)


def _one(name: str, meaning: str, counter: Counter) -> Counted:
    return Counted(Family(f"{PREFIX}{name}_total", Kind.COUNTER, meaning), {(): counter})


def _by(
    label: str, name: str, meaning: str, of: Mapping[str, Counter], among: Counter | None = None
) -> Counted:
    family = Family(f"{PREFIX}{name}_total", Kind.COUNTER, meaning, (label,))
    return Counted(family, {(value,): counter for value, counter in of.items()}, among)


def _gauge(name: str, meaning: str, *labels: str) -> Family:
    return Family(f"{PREFIX}{name}", Kind.GAUGE, meaning, labels)


_STEPS: Mapping[tuple[str, ...], Counter] = {
    (counter.removeprefix("gateway_").partition("_")[0], counter.rpartition("_")[2]): counter
    for counter in Counter
    if counter.startswith(tuple(f"gateway_{stage}_" for stage in Stage))
}

COUNTERS: Sequence[Counted] = (
    _one("received_messages", "Messages accepted from clients.", Counter.RECEIVED_MESSAGES),
    _one("received_bytes", "Bytes of messages accepted from clients.", Counter.RECEIVED_BYTES),
    _one("received_recipients", "Recipients of messages accepted.", Counter.RECEIVED_RECIPIENTS),
    _one("mended_messages", "Messages that broke the standards.", Counter.MALFORMED_MESSAGES),
    _one("split_copies", "Copies made for groups of recipients.", Counter.SPLIT_COPIES),
    _one("incoming_connections", "Connections of clients.", Counter.INCOMING_CONNECTIONS),
    _one(
        "incoming_connection_errors",
        "Connections of clients that failed or were cut off.",
        Counter.INCOMING_CONNECTION_ERRORS,
    ),
    _by(
        "reason",
        "incoming_connections_refused",
        "Connections of clients that were turned away.",
        {
            "sessions": Counter.REFUSED_FOR_SESSIONS,
            "sessions_per_ip": Counter.REFUSED_FOR_SESSIONS_PER_IP,
            "early_talking": Counter.REFUSED_FOR_EARLY_TALKING,
        },
        among=Counter.INCOMING_CONNECTIONS_REFUSED,
    ),
    _by(
        "reason",
        "refused",
        "Messages, senders and recipients that clients were refused.",
        {
            "message_size": Counter.REFUSED_FOR_MESSAGE_SIZE,
            "session_size": Counter.REFUSED_FOR_SESSION_SIZE,
            "hops": Counter.REFUSED_FOR_HOPS,
            "messages_per_session": Counter.REFUSED_FOR_MESSAGES_PER_SESSION,
            "access_rules": Counter.REFUSED_FOR_ACCESS_RULES,
            "unknown_recipients": Counter.REFUSED_FOR_UNKNOWN_RECIPIENTS,
            "greylisting": Counter.REFUSED_FOR_GREYLISTING,
            "spf": Counter.REFUSED_FOR_SPF,
            "dmarc": Counter.REFUSED_FOR_DMARC,
        },
        among=Counter.RECEIVINGS_REFUSED,
    ),
    Counted(
        Family(
            f"{PREFIX}stage_mails_total",
            Kind.COUNTER,
            "Mails that a stage has done with, and what became of them.",
            ("stage", "result"),
        ),
        _STEPS,
    ),
    _by(
        "status",
        "spam_verdicts",
        "Mails that the spam filter judged.",
        {status.removeprefix("as/"): messages_with(status) for status in SpamStatus},
    ),
    _one("spam_timeouts", "Mails whose spam analysis took too long.", Counter.ANTISPAM_TIMEOUTS),
    _one(
        "spam_checks_left_out",
        "Checks for spam that failed or had no time, so their mail was judged without them.",
        Counter.ANTISPAM_CHECKS_LEFT_OUT,
    ),
    _one("scanned_messages", "Mails that the scanner looked at.", Counter.ANTIVIRAL_MESSAGES),
    _by(
        "status",
        "scanned_objects",
        "Objects of messages, by what the scanner says of them.",
        {status: objects_with(status) for status in ObjectStatus},
    ),
    _by(
        "cause",
        "unscanned_objects",
        "Objects that could not be looked at, as a whole or in part.",
        {
            counter.removeprefix("gateway_unscanned_"): counter
            for counter in Counter
            if counter.startswith("gateway_unscanned_")
        },
    ),
    _one("sent_messages", "Mails that a next hop took.", Counter.SENT_MESSAGES),
    _one("sent_bytes", "Bytes of mails that a next hop took.", Counter.SENT_BYTES),
    _one("sent_recipients", "Recipients whose next hop took the mail.", Counter.SENT_RECIPIENTS),
    _one("failed_recipients", "Recipients whose delivery failed for good.", Counter.FAILED_RECIPIENTS),
    _one("deferred_recipients", "Tries for one recipient that did not work.", Counter.DEFERRED_RECIPIENTS),
    _one("blocked_recipients", "Recipients kept from mail by policy.", Counter.BLOCKED_RECIPIENTS),
    _one("failed_messages", "Mails that failed for good for some recipient.", Counter.SENDINGS_FAILED),
    _by(
        "limit",
        "limited_sendings",
        "Mails that a next hop could not take as they are.",
        {"message_size": Counter.FAILED_FOR_MESSAGE_SIZE, "8bitmime": Counter.FAILED_FOR_8BITMIME},
    ),
    _by(
        "to",
        "notices",
        "Notifications by policy.",
        {
            "admin": Counter.NOTICES_TO_ADMIN,
            "recipient": Counter.NOTICES_TO_RECIPIENT,
            "sender": Counter.NOTICES_TO_SENDER,
        },
    ),
    _one("dsn", "Delivery status notifications made for senders.", Counter.DSN_GENERATED),
    _one("outgoing_connections", "Connections to next hops.", Counter.OUTGOING_CONNECTIONS),
    _one(
        "outgoing_connection_errors",
        "Connections to next hops that broke off.",
        Counter.OUTGOING_CONNECTION_ERRORS,
    ),
    _one(
        "outgoing_connections_failed",
        "Connections to next hops that did not come about.",
        Counter.OUTGOING_CONNECTIONS_FAILED,
    ),
    _one(
        "outgoing_connections_spared",
        "Connections to next hops that were not tried, since one before had failed.",
        Counter.FAILED_THROUGH_CACHE,
    ),
    _one("routing_queries", "Questions where the mail of a domain goes.", Counter.ROUTING_QUERIES),
    _one("dns_queries", "Questions about names.", Counter.DNS_QUERIES),
    _one(
        "dns_cache_hits", "Questions about names that the cache answered.", Counter.DNS_QUERIES_THROUGH_CACHE
    ),
    _one("dns_failures", "Questions about names that nobody could answer.", Counter.DNS_QUERIES_FAILED),
    _one("stored_copies", "Copies put into archives and quarantines.", Counter.STORED_COPIES),
    _one("released_copies", "Copies sent from archives and quarantines.", Counter.RELEASED_COPIES),
)


SUMS = frozenset({Counter.ANTISPAM_MESSAGES, Counter.ANTIVIRAL_OBJECTS})
"""Counters that are the sum of a family, and no metric of their own."""


def _times(name: str, meaning: str, *labels: str) -> Family:
    return Family(f"{PREFIX}{name}_seconds", Kind.HISTOGRAM, meaning, labels)


TIMES: Mapping[Family, Sequence[tuple[tuple[str, ...], Timing]]] = MappingProxyType(
    {
        _times(
            "stage", "Time from taking a mail, or the end of a message, to its safety elsewhere.", "stage"
        ): [
            ((timing.value,), timing)
            for timing in (Timing.RECEIVER, Timing.ANTISPAM, Timing.SCANNER, Timing.SENDER)
        ],
        _times(
            "engine",
            "Time of the engines: `local` for a message on the spot, `isolated` for parts of one in the pool,"
            " `clamd` for one content.",
            "engine",
        ): [
            (("local",), Timing.LOCAL_ENGINES),
            (("isolated",), Timing.ISOLATED_ENGINES),
            (("clamd",), Timing.CLAMD),
        ],
        _times("dns", "Time for a question that no cache answered."): [((), Timing.DNS)],
    }
)

SESSIONS = _gauge("sessions", "Sessions now: with clients, with next hops, and of the scanner.", "kind")
SESSIONS_OF: Mapping[Gauge, str] = MappingProxyType(
    {
        Gauge.INCOMING_CONNECTIONS: "incoming",
        Gauge.OUTGOING_CONNECTIONS: "outgoing",
        Gauge.ANTIVIRAL_SESSIONS: "scanning",
    }
)
"""The value of its label for each level of the statistics that a process has itself."""

IN_HAND = _gauge("mails_in_hand", "Mails that a stage works on now.", "stage")

BUILD = _gauge("build_info", "1, with the version and the service of the process.", "version", "service")
READY = _gauge("ready", "Whether a world answers: bus, blobs, records, engines.", "world")
LOG_LINES = Family(
    f"{PREFIX}log_lines_total", Kind.COUNTER, "Warnings and errors in the log of the process.", ("level",)
)

QUEUE = _gauge("queue_mails", "Mails on their way, by queue state; `parked` too.", "state")
QUEUE_AGE = _gauge("queue_age_seconds", "Age of the oldest mail in each queue state.", "state")
WAITING = _gauge("stage_waiting_mails", "Mails on the bus, ready for a stage.", "stage")
SUSPENDED = _gauge("module_suspended", "Whether an operator suspended the module.", "module")
OUTAGES = _gauge("outages", "What is out of order outside and done without, by its `kind`.", "kind")
LICENCE_ENDS = _gauge(
    "licence_end_timestamp_seconds", "When the term of the licence key in use ends (UTC); 0 without one."
)
BASES_MADE = _gauge(
    "bases_made_timestamp_seconds", "When the databases in use below `BasesPath` were made.", "family"
)
BASES_RECORDS = _gauge("bases_records", "Records of the databases in use below `BasesPath`.", "family")
ROOM = _gauge("blobs_free_bytes", "Room left for bodies, where that can be known.")

PROCESS_CPU = Family("process_cpu_seconds_total", Kind.COUNTER, "Processor time of the process.")
PROCESS_MEMORY = Family("process_resident_memory_bytes", Kind.GAUGE, "Memory of the process.")
PROCESS_FILES = Family("process_open_fds", Kind.GAUGE, "Open files of the process.")
PROCESS_MOST_FILES = Family("process_max_fds", Kind.GAUGE, "Files that the process may open.")
PROCESS_START = Family("process_start_time_seconds", Kind.GAUGE, "When the process began, since 1970.")

OF_PROCESSES = (
    *(SESSIONS, IN_HAND, BUILD, READY, LOG_LINES),
    *(PROCESS_CPU, PROCESS_MEMORY, PROCESS_FILES, PROCESS_MOST_FILES, PROCESS_START),
)
"""What each process tells of itself, besides its counters and times."""

OF_THE_GATEWAY = (
    *(QUEUE, QUEUE_AGE, WAITING, SUSPENDED, OUTAGES, LICENCE_ENDS, BASES_MADE, BASES_RECORDS, ROOM),
)
"""What is true of all processes together: the one with the API tells it."""


def families() -> tuple[Family, ...]:
    """All of them."""
    return (*(counted.family for counted in COUNTERS), *TIMES, *OF_PROCESSES, *OF_THE_GATEWAY)
