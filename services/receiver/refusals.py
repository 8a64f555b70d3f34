"""Refusals: which replies turn mail away, and what they are counted as (reference, section 14)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.domain.statistics import Counter
from services.receiver import replies
from services.receiver.replies import Reply

REASONS: Mapping[Reply, Counter] = MappingProxyType(
    {
        replies.TOO_MANY_SESSIONS: Counter.REFUSED_FOR_SESSIONS,
        replies.TOO_MANY_FROM_YOU: Counter.REFUSED_FOR_SESSIONS_PER_IP,
        replies.TOO_BIG: Counter.REFUSED_FOR_MESSAGE_SIZE,
        replies.ENOUGH_BYTES: Counter.REFUSED_FOR_SESSION_SIZE,
        replies.ENOUGH_MESSAGES: Counter.REFUSED_FOR_MESSAGES_PER_SESSION,
        replies.TOO_MANY_HOPS: Counter.REFUSED_FOR_HOPS,
    }
)
"""What has a counter of its own, beside that of all refusals. Those of recipients are in `admission`."""

OF_SENDERS: Mapping[str, Counter] = MappingProxyType(
    {replies.SPF_FAILED: Counter.REFUSED_FOR_SPF, replies.DMARC_FAILED: Counter.REFUSED_FOR_DMARC}
)
"""The same for replies that name a domain, by their enhanced codes."""

_PROTOCOL_ERRORS = "5.5."
"""How the enhanced codes of a client's slips begin: they refuse no mail (RFC 3463 §3.6)."""


def refuses(reply: Reply) -> bool:
    """Whether a reply turns mail away, and does not just ask for another command."""
    return not reply.positive and not reply.enhanced.startswith(_PROTOCOL_ERRORS)


def counters_of(reply: Reply, total: Counter) -> tuple[Counter, ...]:
    """What one refusal is counted as: `total`, and its reason where that is counted too."""
    reason = REASONS.get(reply) or OF_SENDERS.get(reply.enhanced)
    return (total,) if reason is None else (total, reason)
