"""The relay rules: which client may send to which recipient. Without a rule about both, it may not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from unicodedata import normalize

from gateway.domain.access import Address, RelayRule
from gateway.domain.firstmatch import MaskIndex, NetworkIndex, in_order, shared

_ROUTING = frozenset('%!@"')
"""Characters of a local part by which some servers route mail on: `user%elsewhere.example`."""

_ENCODED_WORD = re.compile(r"=\?.*\?=")
"""What some servers decode even in an address, where it has no place (RFC 2047 §5), with an `@` in it."""


class RelayRules:
    """The rules of `[smtpgw.access] RelayRule`, in their order."""

    def __init__(self, rules: Sequence[RelayRule]) -> None:
        self._rules = rules
        self._networks = NetworkIndex((number, rule.network) for number, rule in enumerate(rules))
        self._recipients = MaskIndex((number, rule.recipients) for number, rule in enumerate(rules))

    def deciding(self, client: Address, recipient: str) -> RelayRule | None:
        """The first rule about this client and this recipient."""
        runs = shared(self._networks.around(client), self._recipients.naming(recipient))
        return next((self._rules[number] for number in runs), None)

    def trusts(self, client: Address) -> bool:
        """Whether the operator named this client to send for him: the first rule with its network allows."""
        named = (self._rules[number] for number in in_order(self._networks.around(client)))
        return next((rule.allows for rule in named if rule.names_client), False)


def may_relay(rule: RelayRule | None, recipient: str) -> bool:
    """Whether the deciding rule lets the client send to `recipient`."""
    if rule is None or not rule.allows:
        return False
    # What any client may do, it may not use to be relayed on by a next hop that trusts us.
    return rule.names_client or not is_routed(recipient)


def is_routed(address: str) -> bool:
    """Whether the local part tells some servers to send the mail on to somebody else."""
    local_part, _, _ = address.rpartition("@")
    # Some would take what only looks like these characters for them.
    plain = local_part if local_part.isascii() else normalize("NFKC", local_part)
    return not _ROUTING.isdisjoint(plain) or _ENCODED_WORD.search(plain) is not None
