"""Brings a message to one destination: to its hosts, one after the other, until one speaks for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from gateway.domain.journey import Answer
from gateway.domain.mail import Envelope
from gateway.domain.ttlcache import TtlCache
from services.sender.connections import Connections
from services.sender.content import Content
from services.sender.hosts import Answers, Host, answered, unanswered
from services.sender.protecting import Protector
from services.sender.resolving import Resolver
from services.sender.routing import Destination, Unroutable
from services.sender.session import Interrupted, Unreachable

MOST_HOSTS = 5
"""Hosts of a destination that are asked at one try (RFC 5321 §5.1 wants at least two)."""
TRY_SECONDS = 20 * 60.0
"""A broker gives mail to somebody else when it is kept for too long: RabbitMQ after 30 minutes."""
MOST_UNREACHABLE = 10_000
"""Hosts that are remembered as unreachable."""


class Carrier:
    """Knows the ways. One of them serves a whole process."""

    def __init__(
        self,
        resolver: Resolver,
        protector: Protector,
        connections: Connections,
        *,
        unreachable_ttl: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._protector = protector
        self._connections = connections
        self._unreachable_ttl = unreachable_ttl
        self._unreachable: TtlCache[Host, str] = TtlCache(MOST_UNREACHABLE, clock)

    async def deliver(self, destination: Destination | None, envelope: Envelope, content: Content) -> Answers:
        """One try for the recipients of `envelope`, who all go to `destination`.

        Raises `Busy` when nothing was tried, and what reading the message raises.
        """
        if destination is None:
            return unanswered(
                envelope.recipients, Answer.REFUSED, "5.1.3", "the address names no mail domain"
            )
        try:
            async with asyncio.timeout(TRY_SECONDS):
                found = await self._resolver.hosts(destination)
                hosts = await self._protector.protected(destination, found)
                return await self._first_that_speaks(hosts, envelope, content)
        except Unroutable as unroutable:
            answer = Answer.REFUSED if unroutable.permanent else Answer.LATER
            return unanswered(envelope.recipients, answer, unroutable.enhanced, unroutable.reason)
        except TimeoutError:
            return unanswered(envelope.recipients, Answer.LATER, "4.4.2", "the delivery took too long")

    async def _first_that_speaks(
        self, hosts: Sequence[Host], envelope: Envelope, content: Content
    ) -> Answers:
        answers = unanswered(envelope.recipients, Answer.LATER, "4.4.1", "no host was tried")
        tried = 0
        for host in hosts:
            if reason := self._unreachable.get(host):
                answers = _no_word(envelope, host, Interrupted(f"not tried again so soon: {reason}"))
                continue
            if tried == MOST_HOSTS:
                break
            tried += 1
            try:
                return await self._connections.deliver(host, envelope, content)
            except Interrupted as interrupted:
                answers = _no_word(envelope, host, interrupted)
                if isinstance(interrupted, Unreachable):
                    self._unreachable.put(host, interrupted.reason, self._unreachable_ttl)
                if interrupted.unsure:
                    # Another host would take the message a second time.
                    break
        return answers


def _no_word(envelope: Envelope, host: Host, interrupted: Interrupted) -> Answers:
    return Answers(tuple(answered(to, host, interrupted) for to in envelope.recipients))
