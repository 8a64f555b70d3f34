"""Whether a recipient is taken from a client: relay rules and the limit of recipients."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.access import Address, RelayRule
from services.receiver import replies
from services.receiver.replies import Reply

_ROUTING = frozenset('%!@"')
"""Characters of a local part by which some servers route mail on: `user%elsewhere.example`."""


def admit_recipient(
    address: str,
    client: Address,
    rules: Sequence[RelayRule],
    *,
    already: int,
    most: int,
) -> Reply:
    """What to say to a recipient when the message has `already` some, of `most` that it may have."""
    if already >= most:
        return replies.TOO_MANY_RECIPIENTS
    if not may_relay(address, client, rules):
        return replies.RELAYING_DENIED
    return replies.OK


def may_relay(address: str, client: Address, rules: Sequence[RelayRule]) -> bool:
    """Whether a client may send to `address`. The first rule about both decides; without one it may not."""
    deciding = next((rule for rule in rules if rule.applies_to(client, address)), None)
    if deciding is None or not deciding.allows:
        return False
    # What any client may do, it may not use to be relayed on by a next hop that trusts us.
    return deciding.network is not None or not _is_routed(address)


def _is_routed(address: str) -> bool:
    local_part, _, _ = address.rpartition("@")
    return not _ROUTING.isdisjoint(local_part)
