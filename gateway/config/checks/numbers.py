"""Numbers that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.draft import Draft
from gateway.config.findings import Finding, warning
from gateway.config.sections.bounds import LimitsSection, ResolveSection, TimeoutsSection
from gateway.config.sections.gateway import ObjectsSection

MEMORY_AT_LEAST = 256
"""MB of a process that opens containers, besides what comes out of them."""
MEMORY_PER_OBJECT = 4
"""How many times an object is in memory while it is made."""


def retry_meets_a_stale_record(draft: Draft) -> Iterator[Finding]:
    """A host that is still remembered as unreachable at the next try wastes that try."""
    resolve, timeouts = draft.value(ResolveSection), draft.value(TimeoutsSection)
    if resolve and timeouts and resolve.unreachable_ttl >= timeouts.minimal_backoff_time:
        if draft.is_written(ResolveSection, "unreachable_ttl"):
            place = draft.place(ResolveSection, "unreachable_ttl")
        else:
            place = draft.place(TimeoutsSection, "minimal_backoff_time")
        yield Finding(
            place,
            f"UnreachableTTL ({resolve.unreachable_ttl} s) is not below MinimalBackoffTime "
            f"({timeouts.minimal_backoff_time} s), so a retry would still find the host "
            "unreachable: lower the first",
        )


def shortest_wait_is_the_longer(draft: Draft) -> Iterator[Finding]:
    """The wait grows from the minimum to the maximum."""
    timeouts = draft.value(TimeoutsSection)
    if timeouts and timeouts.minimal_backoff_time > timeouts.maximal_backoff_time:
        yield Finding(
            draft.place(TimeoutsSection, "minimal_backoff_time"),
            f"MinimalBackoffTime ({timeouts.minimal_backoff_time} s) is longer than MaximalBackoffTime "
            f"({timeouts.maximal_backoff_time} s): lower the first, or raise the second",
        )


def largest_message_never_fits(draft: Draft) -> Iterator[Finding]:
    """A message of the largest size has to fit into a session."""
    limits = draft.value(LimitsSection)
    if limits and limits.maximal_incoming_message_size > limits.maximal_incoming_session_size:
        yield warning(
            draft.place(LimitsSection, "maximal_incoming_message_size"),
            f"a message of MaximalIncomingMessageSize ({limits.maximal_incoming_message_size} KB) is larger "
            f"than a whole session may be ({limits.maximal_incoming_session_size} KB): raise "
            "MaximalIncomingSessionSize",
        )


def largest_object_never_fits(draft: Draft) -> Iterator[Finding]:
    """An object of the largest size has to fit into what all may be, and into the memory for opening them."""
    objects = draft.value(ObjectsSection)
    if objects is None:
        return
    if objects.maximal_object_size > objects.maximal_unpacked_size:
        yield warning(
            draft.place(ObjectsSection, "maximal_object_size"),
            f"an object of MaximalObjectSize ({objects.maximal_object_size} KB) is larger than all together "
            f"may be ({objects.maximal_unpacked_size} KB): raise MaximalUnpackedSize",
        )
    needed = MEMORY_AT_LEAST + MEMORY_PER_OBJECT * (objects.maximal_object_size >> 10)
    if needed > objects.isolated_memory:
        yield warning(
            draft.place(ObjectsSection, "maximal_object_size"),
            f"to make an object of MaximalObjectSize ({objects.maximal_object_size} KB) takes about {needed} "
            f"MB: raise IsolatedMemory ({objects.isolated_memory} MB)",
        )
