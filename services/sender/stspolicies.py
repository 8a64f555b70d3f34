"""The MTA-STS policies of domains: asked for, and remembered for as long as they may be believed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.dns.port import Dns, Found, Kind
from gateway.domain.ttlcache import TtlCache
from services.sender.https import NotFetched
from services.sender.mtasts import StsPolicy, identity_of, parse_policy

PATH = "/.well-known/mta-sts.txt"
LARGEST_POLICY = 64 * 1024
"""Bytes of a policy that are read (RFC 8461 §3.3)."""
FETCH_SECONDS = 60.0
"""How long a domain's server may take in all (RFC 8461 §3.3)."""
RETRY_SECONDS = 300.0
"""A policy that could not be had is not asked for again so soon (RFC 8461 §3.3)."""
MOST_POLICIES = 10_000


class Fetch(Protocol):
    """Reads a file of a host over HTTPS. Raises `NotFetched`."""

    async def __call__(self, host: str, path: str, *, content_type: str, most_bytes: int) -> bytes:
        """The file at `path`, of that type."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    identity: str
    policy: StsPolicy


class StsPolicies:
    """Asks DNS whether a domain has a policy, and the domain's server what it says."""

    def __init__(self, dns: Dns, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._dns = dns
        self._fetch = fetch
        self._known: TtlCache[str, _Known] = TtlCache(MOST_POLICIES, clock)
        self._failed: TtlCache[tuple[str, str], bool] = TtlCache(MOST_POLICIES, clock)
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def of(self, domain: str) -> StsPolicy | None:
        """The policy of a domain; None where there is none, or none that can be had.

        A policy that is known holds until its time is over, whatever DNS and the server say meanwhile: that
        is how it withstands who can make both of them silent (RFC 8461 §5.1).
        """
        answer = await self._dns.ask(f"_mta-sts.{domain}", Kind.TXT)
        identity = identity_of(answer.texts) if isinstance(answer, Found) else None
        known = self._known.get(domain)
        if identity and not (known and known.identity == identity):
            await self._learn(domain, identity)
            known = self._known.get(domain)
        return known.policy if known else None

    async def _learn(self, domain: str, identity: str) -> None:
        key = (domain, identity)
        if self._failed.get(key):
            return
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.ensure_future(self._ask(domain, identity))
            task.add_done_callback(lambda _: self._under_way.pop(key))
        await asyncio.shield(task)

    async def _ask(self, domain: str, identity: str) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                content = await self._fetch(
                    f"mta-sts.{domain}", PATH, content_type="text/plain", most_bytes=LARGEST_POLICY
                )
            policy = parse_policy(content)
        except (NotFetched, TimeoutError, ValueError) as trouble:
            # A misspelt policy keeps no mail back, and is no reason for an alarm of ours.
            log.info("the MTA-STS policy of %s cannot be had: %s", domain, trouble or "no answer in time")
            self._failed.put((domain, identity), True, RETRY_SECONDS)
        else:
            self._known.put(domain, _Known(identity, policy), policy.max_age)
