"""The allow and block list of senders: `SenderRule`s, ready to be asked about many senders."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.access import EVERYBODY, NULL_SENDER, Address, SenderRule
from gateway.domain.address import domain_of
from gateway.domain.firstmatch import MaskIndex, NetworkIndex, Numbers, in_order, shared

_AS_MASKS_SEE_IT = "@"
"""The null sender in the eyes of masks: `*` and `*@*` name it, no mask with a name in it does."""


class SenderRules:
    """The rules of `[gateway.access] SenderRule`, in their order."""

    def __init__(self, rules: Sequence[SenderRule]) -> None:
        self._rules = rules
        addresses: list[tuple[int, str]] = []
        domains: list[tuple[int, str]] = []
        networks = []
        self._null_sender: list[int] = []
        for number, rule in enumerate(rules):
            match rule.source:
                case str(mask) if mask == NULL_SENDER:
                    self._null_sender.append(number)
                case str(mask) if "@" in mask or mask == EVERYBODY:
                    addresses.append((number, mask))
                case str(mask):
                    domains.append((number, mask))
                case network:
                    networks.append((number, network))
        self._addresses = MaskIndex(addresses)
        self._domains = MaskIndex(domains)
        self._networks = NetworkIndex(networks)
        self._recipients = MaskIndex(enumerate(rule.recipients for rule in rules))

    def deciding(self, client: Address, sender: str, recipient: str) -> SenderRule | None:
        """The first rule about this sender, who speaks through `client`, and this recipient."""
        if not self._rules:
            return None
        number = next(shared(self._about(client, sender), self._recipients.naming(recipient)), None)
        return None if number is None else self._rules[number]

    def allows_network(self, client: Address) -> bool:
        """Whether the first rule about the client's network, whoever the recipient is, allows it."""
        named = in_order(self._networks.around(client))
        return next((self._rules[number].allows for number in named), False)

    def _about(self, client: Address, sender: str) -> list[Numbers]:
        runs = [*self._networks.around(client), *self._addresses.naming(sender or _AS_MASKS_SEE_IT)]
        if sender:
            return runs + self._domains.naming(domain_of(sender))
        return [*runs, self._null_sender]
