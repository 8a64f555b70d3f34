"""What operators said about single mails, kept where each mail passes so that nobody has to ask for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from gateway.domain.mail import Mail
from gateway.records.port import Orders


class Standing(Enum):
    """What a mail that was just taken from the bus is."""

    WANTED = "wanted"
    REMOVED = "removed"  # an operator removed it from the queue
    REPLACED = "replaced"  # an older copy of a mail that was published anew


@dataclass(slots=True)
class StandingOrders:
    """The orders in force in this process: few, since they concern only mail still on its way."""

    _removed: set[str] = field(default_factory=set)
    _generations: dict[str, int] = field(default_factory=dict)

    def replace(self, orders: Orders) -> None:
        """Forget what was known: this is what the records say now."""
        self._removed = set(orders.removed)
        self._generations = dict(orders.generations)

    def remove(self, mail_ids: tuple[str, ...]) -> None:
        """These mails are not wanted any more."""
        self._removed.update(mail_ids)

    def hurry(self, mail_id: str, generation: int) -> None:
        """Only copies of at least this generation are wanted."""
        self._generations[mail_id] = max(generation, self._generations.get(mail_id, 0))

    def standing(self, mail: Mail) -> Standing:
        """Whether a mail may go on."""
        if mail.id in self._removed:
            return Standing.REMOVED
        if mail.generation < self._generations.get(mail.id, 0):
            return Standing.REPLACED
        return Standing.WANTED

    def forget(self, mail: Mail) -> None:
        """The way of that mail has ended: no copy of it will come again."""
        self._removed.discard(mail.id)
