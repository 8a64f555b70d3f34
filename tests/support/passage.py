"""What goes in at a gateway, and what comes out behind it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.gateway import Site
from tests.support.posting import post
from tests.support.smtp_peer import Received, SmtpPeer
from tests.support.waiting import until

ENDS_WITHIN = 60.0
"""Seconds for a message to come to its end; only reached when a test fails."""

_numbers = itertools.count(1)


def an_address(domain: str = "site.example") -> str:
    """An address that nobody had before: what arrives for it is what was sent to it."""
    return f"to{next(_numbers)}@{domain}"


@dataclass(frozen=True, slots=True)
class Passage:
    """The way through a gateway: its port, and the mail server behind it."""

    site: Site
    next_hop: SmtpPeer

    async def post(
        self, message: bytes, *to: str, sender: str = "from@client.example", eight_bit: bool = True
    ) -> str:
        """Send a message as a client does; the last reply."""
        return await post(self.site.smtp_port, message, to, sender=sender, eight_bit=eight_bit)

    async def send(self, message: bytes, *, domain: str = "site.example") -> Received:
        """Send a message to somebody new, and give what arrives for him."""
        address = an_address(domain)
        reply = await self.post(message, address)
        assert reply == "250 2.1.0 OK"
        return await self.arrival(address)

    async def arrival(self, address: str) -> Received:
        """What arrives for that recipient."""
        await until(lambda: bool(self.arrived(address)), within=ENDS_WITHIN)
        [received] = self.arrived(address)
        return received

    def arrived(self, address: str) -> list[Received]:
        """All that came for that recipient so far."""
        return [taken for taken in self.next_hop.received if address in _addresses(taken)]


def _addresses(received: Received) -> Sequence[str]:
    return [command.partition("<")[2].partition(">")[0] for command in received.rcpt_to]
