"""What operators ordered, kept where each mail passes so that nobody has to ask for it.

The sender asks the records about each mail anyway, and is told there what was removed. So what does not
fit in here is met by the sender at the latest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.domain.mail import Mail

MOST = 100_000
"""Removed mails that are remembered, about 10 MB of them; the oldest give way."""


@dataclass(slots=True)
class StandingOrders:
    """The orders in force in this process."""

    tries_again: int = 0  # how often an operator wanted hosts to be tried again
    bases_reloaded: int = 0  # how often an operator wanted the databases to be read anew
    _removed: dict[str, None] = field(default_factory=dict)  # in the order in which they were removed

    def replace(self, removed: Iterable[str]) -> None:
        """Forget what was known: this is what the records say now."""
        self._removed = dict.fromkeys(removed)

    def remove(self, mail_ids: Iterable[str]) -> None:
        """These mails are not wanted any more."""
        self._removed.update(dict.fromkeys(mail_ids))
        while len(self._removed) > MOST:
            del self._removed[next(iter(self._removed))]

    def try_again(self) -> None:
        """Hosts that could not be reached are tried again."""
        self.tries_again += 1

    def reload_bases(self) -> None:
        """The databases are read anew."""
        self.bases_reloaded += 1

    def is_removed(self, mail: Mail) -> bool:
        """Whether an operator removed that mail."""
        return mail.id in self._removed

    def forget(self, mail: Mail) -> None:
        """The way of that mail has ended: no copy of it will come again."""
        self._removed.pop(mail.id, None)
