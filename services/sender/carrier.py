"""Brings a message to one destination: to its hosts, one after the other, until one speaks for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from gateway.domain.journey import Answer
from gateway.domain.mail import Envelope
from gateway.domain.statistics import Counter, nobody_counts
from gateway.domain.ttlcache import PURGE_SECONDS, TtlCache
from services.sender.connections import Connections
from services.sender.content import Content
from services.sender.hosts import Answers, Host, answered, unanswered
from services.sender.protecting import Protector
from services.sender.resolving import Resolver
from services.sender.routing import Destination, Unroutable
from services.sender.session import Insecure, Interrupted, Unreachable, again_too_soon

MOST_HOSTS = 5
"""Hosts of a destination that are asked at one try (RFC 5321 §5.1 wants at least two)."""
TRY_SECONDS = 20 * 60.0
"""A broker gives mail to somebody else when it is kept for too long: RabbitMQ after 30 minutes."""
MOST_UNREACHABLE = 10_000
"""Hosts that are remembered as unreachable."""

_COUNTED = {"5.3.4": Counter.FAILED_FOR_MESSAGE_SIZE, "5.6.3": Counter.FAILED_FOR_8BITMIME}
"""What is counted of refusals, by their enhanced codes (RFC 3463)."""


class Carrier:
    """Knows the ways. One of them serves a whole process."""

    def __init__(
        self,
        resolver: Resolver,
        protector: Protector,
        connections: Connections,
        *,
        unreachable_ttl: float,
        unreachable_purge: float = PURGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        count: Callable[[Counter], None] = nobody_counts,
        tries_again: Callable[[], int] = lambda: 0,
    ) -> None:
        self._resolver = resolver
        self._protector = protector
        self._connections = connections
        self._unreachable_ttl = unreachable_ttl
        self._count = count
        self._tries_again = tries_again  # how often an operator wanted all hosts to be tried
        self._tried_again = tries_again()
        # Hosts that lack the security they have to offer are remembered with it: less may do for others.
        self._unreachable: TtlCache[tuple[str, int] | Host, Interrupted] = TtlCache(
            MOST_UNREACHABLE, clock, purge_seconds=unreachable_purge
        )

    async def deliver(self, destination: Destination | None, envelope: Envelope, content: Content) -> Answers:
        """One try for the recipients of `envelope`, who all go to `destination`.

        Raises `Busy` when nothing was tried, and what reading the message raises.
        """
        if self._tried_again != self._tries_again():
            self._tried_again = self._tries_again()
            self._unreachable.clear()
        if destination is None:
            return unanswered(
                envelope.recipients, Answer.REFUSED, "5.1.3", "the address names no mail domain"
            )
        try:
            async with asyncio.timeout(TRY_SECONDS):
                found = await self._resolver.hosts(destination)
                hosts = await self._protector.protected(destination, found)
                answers = await self._first_that_speaks(hosts, envelope, content)
        except Unroutable as unroutable:
            answer = Answer.REFUSED if unroutable.permanent else Answer.LATER
            return unanswered(envelope.recipients, answer, unroutable.enhanced, unroutable.reason)
        except TimeoutError:
            return unanswered(envelope.recipients, Answer.LATER, "4.4.2", "the delivery took too long")
        for counter in {_COUNTED.get(reply.enhanced) for reply in answers.replies}:
            if counter:
                self._count(counter)
        return answers

    async def _first_that_speaks(
        self, hosts: Sequence[Host], envelope: Envelope, content: Content
    ) -> Answers:
        answers = unanswered(envelope.recipients, Answer.LATER, "4.4.1", "no host was tried")
        tried = 0
        for host in hosts:
            if before := self._unreachable.get(host.place) or self._unreachable.get(host):
                self._count(Counter.FAILED_THROUGH_CACHE)
                answers = _no_word(envelope, host, before)
                continue
            if tried == MOST_HOSTS:
                break
            tried += 1
            try:
                return await self._connections.deliver(host, envelope, content)
            except Interrupted as interrupted:
                answers = _no_word(envelope, host, interrupted)
                self._remember(host, interrupted)
                if interrupted.unsure:
                    # Another host would take the message a second time.
                    break
        return answers

    def _remember(self, host: Host, interrupted: Interrupted) -> None:
        match interrupted:
            case Unreachable():
                self._unreachable.put(host.place, again_too_soon(interrupted), self._unreachable_ttl)
            case Insecure():
                self._unreachable.put(host, again_too_soon(interrupted), self._unreachable_ttl)


def _no_word(envelope: Envelope, host: Host, interrupted: Interrupted) -> Answers:
    return Answers(tuple(answered(to, host, interrupted) for to in envelope.recipients))
