"""Greylisting: a stranger's message has to come again, as mail servers do and spammers do not (RFC 6647).

A client whose messages came again is proven, and met no more. All receivers share what was met.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from hashlib import blake2b
from ipaddress import ip_network
from typing import Self

from gateway.domain.access import Address
from gateway.domain.errors import TemporaryFailure
from gateway.domain.ttlcache import TtlCache
from gateway.records.port import Acquaintance, GreylistRecords, Meeting
from gateway.runtime.clock import utc_now
from gateway.runtime.outages import Outages

log = logging.getLogger(__name__)

WRITE_EVERY = 1.0
"""Seconds that meetings wait to be written together."""

PURGE_EVERY = timedelta(minutes=10)

MOST_UNWRITTEN = 20_000
"""Meetings that wait while the records are away. Beyond them, messages are let pass."""

PROVEN_FOR = 3600.0
"""Seconds that a process knows of a proven client without asking for it again."""

MOST_PROVEN = 50_000

_SUBJECT = "greylist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Greylisting:
    """How strangers are met (`[gateway.greylist]`)."""

    delay: timedelta = timedelta(minutes=5)  # a message that comes again sooner comes too early
    retry_within: timedelta = timedelta(hours=48)
    remembered: timedelta = timedelta(days=36)  # since it was last of use
    proven_after: int = 5  # messages of a client that came again
    ipv4_prefix: int = 24
    ipv6_prefix: int = 64
    most: int = 1_000_000  # meetings that are remembered


class Welcome(Enum):
    """How a message is met."""

    PROVEN = auto()  # its client has proved itself
    PASSED = auto()  # it has come again before
    RETURNED = auto()  # it comes again now
    EARLY = auto()  # it comes again, but too early
    NEW = auto()


def welcome(known: Acquaintance, now: datetime, greylisting: Greylisting) -> Welcome:
    """How to meet a message of which that is known."""
    if known.proofs >= greylisting.proven_after:
        return Welcome.PROVEN
    if known.passed:
        return Welcome.PASSED
    if known.first_at is None:
        return Welcome.NEW
    return Welcome.EARLY if now - known.first_at < greylisting.delay else Welcome.RETURNED


class Greylist:
    """Meets strangers, for all sessions of the process. As a context: what was met is written down."""

    def __init__(
        self,
        greylisting: Greylisting,
        records: GreylistRecords,
        outages: Outages,
        *,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._greylisting = greylisting
        self._records = records
        self._outages = outages
        self._now = now
        self._proven: TtlCache[str, bool] = TtlCache(MOST_PROVEN, clock)
        self._unwritten: dict[str, Meeting] = {}
        self._to_renew: set[str] = set()
        self._some = asyncio.Event()
        self._keeping: tuple[asyncio.Task[None], ...] = ()

    async def __aenter__(self) -> Self:
        self._keeping = (asyncio.create_task(self._write_always()), asyncio.create_task(self._purge_always()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await self._write()

    def network_of(self, client: Address) -> str:
        """Whom a message is from: neighbours are one client, since sites send from several servers."""
        prefixes = {4: self._greylisting.ipv4_prefix, 6: self._greylisting.ipv6_prefix}
        return str(ip_network((client, prefixes[client.version]), strict=False))

    def knows(self, client: str) -> bool:
        """Whether the client is known to be proven, without asking for it."""
        return self._proven.get(client) is True

    async def lets_pass(self, client: str, sender: str, recipient: str) -> bool:
        """Meet a message: whether it may come in, or has to come again."""
        now = self._now()
        triplet = triplet_of(client, sender, recipient)
        try:
            known = await self._acquaintance(client, triplet, now)
        except TemporaryFailure as trouble:
            # Better strangers than no mail.
            self._outages.begin(_SUBJECT, str(trouble))
            return True

        match welcome(known, now, self._greylisting):
            case Welcome.PROVEN:
                self._proven.put(client, True, PROVEN_FOR)
                self._to_renew.add(client)
                self._some.set()
                return True
            case Welcome.PASSED | Welcome.RETURNED:
                until = now + self._greylisting.remembered
                self._note(Meeting(triplet, client, known.first_at or now, now, until))
                return True
            case Welcome.EARLY:
                return False
            case Welcome.NEW:
                return not self._note(
                    Meeting(triplet, client, now, None, now + self._greylisting.retry_within)
                )

    async def _acquaintance(self, client: str, triplet: str, now: datetime) -> Acquaintance:
        met = self._unwritten.get(triplet)
        if met is not None:
            return Acquaintance(met.first_at, met.passed_at is not None)
        enough = self._greylisting.proven_after
        known = await self._records.acquaintance(client, triplet, now, enough)
        self._outages.end(_SUBJECT)
        return known

    def _note(self, meeting: Meeting) -> bool:
        """Have a meeting written down; whether there is room for it."""
        if len(self._unwritten) >= MOST_UNWRITTEN:
            return False
        self._unwritten[meeting.triplet] = meeting
        self._some.set()
        return True

    async def _write_always(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(WRITE_EVERY)
            try:
                await self._write()
            except Exception:  # a fault of ours in one batch must not keep all others from being written
                log.exception("meetings of the greylist were lost")

    async def _write(self) -> None:
        self._some.clear()
        meetings, self._unwritten = self._unwritten, {}
        clients, self._to_renew = self._to_renew, set()
        try:
            if meetings:
                await self._records.note(tuple(meetings.values()))
            if clients:
                await self._records.renew(sorted(clients), self._now() + self._greylisting.remembered)
        except TemporaryFailure as trouble:
            log.debug("the greylist cannot be written now: %s", trouble)
            self._unwritten = meetings | self._unwritten
            self._some.set()

    async def _purge_always(self) -> None:
        while True:
            try:
                purged = await self._records.purge(self._now(), self._greylisting.most)
            except TemporaryFailure as trouble:
                log.debug("the greylist is purged later: %s", trouble)
            else:
                log.debug("the greylist forgot %d meetings", purged)
            await asyncio.sleep(PURGE_EVERY.total_seconds())


def triplet_of(client: str, sender: str, recipient: str) -> str:
    """What stands for a message until its content is known. Nobody can read from it who writes to whom."""
    said = "\0".join((client, sender.lower(), recipient.lower()))
    return blake2b(said.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
