"""Who sent a message: found out while it comes in, told to the stages behind, rarely a reason to refuse.

What strangers send is examined, what our own servers send is left as it is. A fault of ours in examining
costs no message: it goes on without the facts.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address

from gateway.authentication.dmarc.record import organisation_of
from gateway.authentication.examination import Examination, Methods
from gateway.authentication.header import Header
from gateway.authentication.results import FIELD, TooManyClaims, forged_fields, results_field
from gateway.authentication.spf.evaluation import Sender
from gateway.dns.port import Dns
from gateway.domain.access import Network
from gateway.domain.authentication import Authentication, Dmarc, Request, Result, Spf
from gateway.domain.firstmatch import NetworkIndex
from gateway.domain.mail import Envelope
from gateway.domain.policy import Policy
from services.receiver import replies
from services.receiver.relaying import RelayRules
from services.receiver.replies import Reply

LONGEST_EXPLAINING = 5.0
"""Seconds to find out what a domain says to those who may not send for it."""

MOST_CLIENTS = 1024
"""Clients of whom it is remembered whether they are ours: the rules do not change while a process runs."""

NOTHING = Methods(spf=False, dkim=False, dmarc=False, arc=False)

_FIELD = FIELD.lower().encode()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticating:
    """How it is found out (`[gateway.authentication]`)."""

    methods: Methods = NOTHING
    trusted: tuple[Network, ...] = ()
    sealers: frozenset[str] = frozenset()  # domains whose seals are believed
    timeout: float = 20.0  # seconds to wait at the end of a message


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was found out about a message, and the field that says so."""

    authentication: Authentication | None = None
    field: bytes = b""


class Examiner:
    """Examines messages for all sessions of the process."""

    def __init__(
        self,
        authenticating: Authenticating,
        relay: RelayRules,
        dns: Dns,
        hostname: str,
        *,
        draw: Callable[[], int] = lambda: random.randrange(100),  # noqa: S311 - nobody gains by guessing it
    ) -> None:
        self.authenticating = authenticating
        self.hostname = hostname
        self.draw = draw
        self._relay = relay
        self._dns = dns
        self._trusted = NetworkIndex(enumerate(authenticating.trusted))
        self._trusts = lru_cache(MOST_CLIENTS)(self._is_trusted)

    async def prepare(self) -> None:
        """Read the list of public suffixes, so that no message waits for that."""
        if self.authenticating.methods.dmarc:
            await asyncio.to_thread(organisation_of, self.hostname)

    def begin(self, envelope: Envelope) -> Examining:
        """Begin a message. What comes out has to be closed."""
        if self._trusts(envelope.client_ip):
            return Examining(self, None, is_ours=True)
        methods = self.authenticating.methods
        if methods == NOTHING:
            return Examining(self, None, is_ours=False)
        sender = Sender(ip_address(envelope.client_ip), envelope.sender, envelope.helo)
        now = envelope.received_at.timestamp()
        examination = Examination(methods, self._dns, sender, hostname=self.hostname, now=now)
        return Examining(self, examination, is_ours=False)

    def _is_trusted(self, client_ip: str) -> bool:
        client = ip_address(client_ip)
        return bool(self._trusted.around(client)) or self._relay.trusts(client)


class Examining:
    """One message, which may be one of ours."""

    def __init__(self, examiner: Examiner, examination: Examination | None, *, is_ours: bool) -> None:
        self._examiner = examiner
        self._examination = examination
        self._is_ours = is_ours

    def take(self, piece: bytes) -> None:
        """Add bytes of the message, as its sender signed them."""
        if self._examination is None:
            return
        try:
            self._examination.take(piece)
        except Exception:
            self._give_up()

    async def judged(self, header: bytes, policies: Collection[Policy]) -> Credentials | Reply:
        """What was found out about the message with that stored header, or why it is not taken.

        `policies` are those of all its recipients.
        """
        if self._is_ours:
            return Credentials()
        try:
            forged = _forged(header, self._examiner.hostname)
        except TooManyClaims:
            return replies.TOO_MANY_CLAIMS
        found = await self._found()
        if found is None:
            return Credentials(Authentication(forged=forged) if forged else None)
        match ground_of_refusal(found, policies, self._examiner.authenticating.sealers):
            case Spf(domain=domain):
                return replies.spf_failed(domain, await self._explanation())
            case Dmarc(domain=domain):
                return replies.dmarc_failed(domain)
        field = results_field(self._examiner.hostname, found)
        return Credentials(replace(found, forged=forged), field)

    def close(self) -> None:
        """Ask nothing more."""
        if self._examination is not None:
            self._examination.close()

    async def _found(self) -> Authentication | None:
        if self._examination is None:
            return None
        try:
            return await self._examination.finish(
                self._examiner.authenticating.timeout, self._examiner.draw()
            )
        except Exception:
            self._give_up()
            return None

    async def _explanation(self) -> str:
        return await self._examination.explanation(LONGEST_EXPLAINING) if self._examination else ""

    def _give_up(self) -> None:
        # The message is worth more than what we know of it.
        _log.exception("fault in finding out who sent a message: it is taken without that")
        self.close()
        self._examination = None


def _forged(header: bytes, hostname: str) -> tuple[tuple[int, int], ...]:
    return forged_fields(Header(header), hostname) if _FIELD in header.lower() else ()


def ground_of_refusal(
    found: Authentication, policies: Collection[Policy], sealers: Collection[str]
) -> Spf | Dmarc | None:
    """Why a message is refused; None when it is taken, which one recipient's policy is enough for.

    What DMARC passes is not refused for SPF: somebody passed it on, and its author signed it.
    """
    spf, dmarc = found.spf, found.dmarc
    passes = dmarc is not None and dmarc.result is Result.PASS
    by_spf = spf if spf is not None and spf.result is Result.FAIL and not passes else None
    by_dmarc = dmarc if _asks_for_refusal(dmarc) and not _is_vouched_for(found, sealers) else None
    refusing = [
        (policy.refuse_dmarc_fail and by_dmarc) or (policy.refuse_spf_fail and by_spf) or None
        for policy in policies
    ]
    return refusing[0] if refusing and all(refusing) else None


def _asks_for_refusal(dmarc: Dmarc | None) -> bool:
    return dmarc is not None and dmarc.result is Result.FAIL and dmarc.request is Request.REJECT


def _is_vouched_for(found: Authentication, sealers: Collection[str]) -> bool:
    """Whether those who passed the message on are trusted, and the first of them saw DMARC pass."""
    arc = found.arc
    if arc is None or arc.result is not Result.PASS or arc.attested is not Result.PASS:
        return False
    return bool(arc.sealers) and all(domain in sealers for domain in arc.sealers)
