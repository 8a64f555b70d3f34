"""The statistics file (manual, appendix A.6; reference, section 14): a line `name=value` for each number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain.policy import ObjectStatus
from gateway.domain.statistics import Counter, Gauge, Peak, objects_with

STORED_MESSAGES = "mta_stored_messages_current"

_LISTED: Sequence[str] = (
    Counter.RECEIVED_MESSAGES,
    Counter.RECEIVED_BYTES,
    Counter.RECEIVED_RECIPIENTS,
    Counter.SENT_MESSAGES,
    Counter.SENT_BYTES,
    Counter.SENT_RECIPIENTS,
    STORED_MESSAGES,
    Counter.INCOMING_CONNECTIONS,
    Gauge.INCOMING_CONNECTIONS,
    Peak.INCOMING_CONNECTIONS,
    Counter.INCOMING_CONNECTION_ERRORS,
    Counter.INCOMING_CONNECTIONS_REFUSED,
    Counter.REFUSED_FOR_SESSIONS,
    Counter.REFUSED_FOR_SESSIONS_PER_IP,
    Counter.REFUSED_FOR_EARLY_TALKING,
    Counter.OUTGOING_CONNECTIONS,
    Gauge.OUTGOING_CONNECTIONS,
    Peak.OUTGOING_CONNECTIONS,
    Counter.OUTGOING_CONNECTION_ERRORS,
    Counter.OUTGOING_CONNECTIONS_FAILED,
    Counter.FAILED_THROUGH_CACHE,
    Counter.ROUTING_QUERIES,
    Counter.DNS_QUERIES,
    Counter.DNS_QUERIES_THROUGH_CACHE,
    Counter.DNS_QUERIES_FAILED,
    Counter.RECEIVINGS_REFUSED,
    Counter.REFUSED_FOR_MESSAGE_SIZE,
    Counter.REFUSED_FOR_SESSION_SIZE,
    Counter.REFUSED_FOR_HOPS,
    Counter.REFUSED_FOR_MESSAGES_PER_SESSION,
    Counter.REFUSED_FOR_ACCESS_RULES,
    Counter.REFUSED_FOR_UNKNOWN_RECIPIENTS,
    Counter.REFUSED_FOR_GREYLISTING,
    Counter.REFUSED_FOR_SPF,
    Counter.REFUSED_FOR_DMARC,
    Counter.SENDINGS_FAILED,
    Counter.FAILED_FOR_MESSAGE_SIZE,
    Counter.FAILED_FOR_8BITMIME,
    Counter.MALFORMED_MESSAGES,
    Counter.DSN_GENERATED,
    Gauge.ANTIVIRAL_SESSIONS,
    Peak.ANTIVIRAL_SESSIONS,
    Counter.ANTIVIRAL_MESSAGES,
    Counter.ANTIVIRAL_OBJECTS,
    *(objects_with(status) for status in ObjectStatus),
    Counter.ANTISPAM_MESSAGES,
    Counter.SPAM_MESSAGES,
    Counter.PROBABLE_MESSAGES,
    Counter.NOT_DETECTED_MESSAGES,
)

_FAMILIES = ("mta_", "antiviral_", "antispam_")

ORDER: Sequence[str] = (
    *_LISTED,
    *(name for name in Counter if name.startswith(_FAMILIES) and name not in _LISTED),
)
"""The names of the file behind those of time: in the order of the reference, then what it does not know."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What there is to be told of a gateway."""

    began_at: datetime  # since when is counted
    counted: Mapping[Counter | Peak, int]
    present: Mapping[Gauge, int]
    stored: int  # messages in the queue


def file_text(statistics: Statistics, now: datetime) -> str:
    """The whole file as it is at `now`."""
    began = statistics.began_at.astimezone(UTC)
    times = {
        "time_initialized": int(began.timestamp()),
        "time_initialized_iso": f"{began:%Y-%m-%dT%H:%M:%SZ}",
        "time_processing": max(int((now - began).total_seconds()), 0),
    }
    numbers: dict[str, int] = {STORED_MESSAGES: statistics.stored}
    numbers.update(statistics.counted.items())
    numbers.update(statistics.present.items())
    lines: Iterable[tuple[str, object]] = (
        *times.items(),
        *((str(name), numbers.get(name, 0)) for name in ORDER),
    )
    return "".join(f"{name}={value}\n" for name, value in lines)
