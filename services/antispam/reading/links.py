"""The links of a message, from the addresses that stand in it."""

from __future__ import annotations

from services.antispam.message import Link, Source
from services.antispam.reading.addresses import Address, address_of, targets_in

MOST_LINKS = 2000
"""Links of one message."""


class Links:
    """The links that were met, each once, in order."""

    def __init__(self) -> None:
        self._met: dict[Link, None] = {}

    def add(
        self, reference: str, source: Source, text: str = "", *, hidden: bool = False, base: str = ""
    ) -> None:
        """Take an address as it stands in a message, and those that stand inside it."""
        address = address_of(reference, base)
        if address is None:
            return
        self._take(address, source, text, hidden, "")
        via = address.host
        for inner in targets_in(address.url):
            target = address_of(inner)
            if target and target.host:
                self._take(target, source, text, hidden, via)
                via = target.host

    def met(self) -> tuple[Link, ...]:
        """All of them."""
        return tuple(self._met)

    def _take(self, address: Address, source: Source, text: str, hidden: bool, via: str) -> None:
        if len(self._met) < MOST_LINKS:
            url, host, domain = address
            self._met[Link(url, host, domain, source, text, hidden, via)] = None
