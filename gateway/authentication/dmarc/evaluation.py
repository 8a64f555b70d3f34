"""Evaluating DMARC: whether SPF or DKIM speak for the author (RFC 7489 §6.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from gateway.authentication.dmarc.authors import TooManyAuthors, author_domains
from gateway.authentication.dmarc.record import Published, Unknown, find_record, organisation_of
from gateway.authentication.header import Header
from gateway.authentication.names import plain_domain
from gateway.dns.port import Dns
from gateway.domain.authentication import LONGEST_REASON, Dkim, Dmarc, Request, Result, Spf

Records = Mapping[str, Published | Unknown | None]
"""The record of each author's domain."""

_FROM_BEST_TO_WORST = (Result.PASS, Result.NONE, Result.PERMERROR, Result.TEMPERROR, Result.FAIL)
_MILDER: Mapping[Request, Request] = {
    Request.REJECT: Request.QUARANTINE,
    Request.QUARANTINE: Request.NONE,
    Request.NONE: Request.NONE,
}


async def find_records(dns: Dns, header: Header) -> Records | Dmarc:
    """The records of all authors, or the outcome where that does not depend on them."""
    try:
        domains = author_domains(header)
    except TooManyAuthors as error:
        return Dmarc(Result.PERMERROR, reason=str(error))
    if not domains:
        return Dmarc(Result.NONE, reason="From shows no domain")
    if len(domains) == 1:  # the usual case needs no tasks
        return {domains[0]: await find_record(dns, domains[0])}
    found = await asyncio.gather(*(find_record(dns, domain) for domain in domains))
    return dict(zip(domains, found, strict=True))


def judge(records: Records, spf: Spf | None, signatures: Sequence[Dkim], sample: int) -> Dmarc:
    """The outcome; of several authors that of the one who fares worst (RFC 7489 §6.6.1).

    `sample` is a number of 0 to 99 by which the lot falls where a domain asks for a part of its mail only.
    """
    outcomes = [_judge(domain, found, spf, signatures, sample) for domain, found in records.items()]
    strictness = [*Request]
    return max(
        outcomes,
        key=lambda one: (_FROM_BEST_TO_WORST.index(one.result), strictness.index(one.request)),
    )


def _judge(
    domain: str, found: Published | Unknown | None, spf: Spf | None, signatures: Sequence[Dkim], sample: int
) -> Dmarc:
    if isinstance(found, Unknown):
        return Dmarc(Result.TEMPERROR, domain, reason=found.reason[:LONGEST_REASON])
    if found is None:
        return Dmarc(Result.NONE, domain)
    record = found.record
    speaks_by_spf = _speaks_for(domain, strict=record.strict_spf)
    speaks_by_dkim = _speaks_for(domain, strict=record.strict_dkim)
    of_dkim = {one.result for one in signatures if speaks_by_dkim(one.domain)}
    of_spf = {spf.result} if spf and speaks_by_spf(plain_domain(spf.domain)) else set()

    by_spf, by_dkim = Result.PASS in of_spf, Result.PASS in of_dkim
    request = record.of_subdomains if found.inherited else record.request
    if sample >= record.percent:
        request = _MILDER[request]
    if by_spf or by_dkim:
        return Dmarc(Result.PASS, domain, request, by_spf, by_dkim)
    if Result.TEMPERROR in of_spf | of_dkim:
        return Dmarc(Result.TEMPERROR, domain, request, reason="who sent it cannot be found out now")
    return Dmarc(Result.FAIL, domain, request)


def _speaks_for(domain: str, *, strict: bool) -> Callable[[str], bool]:
    """Whether another domain is aligned with this one (RFC 7489 §3.1)."""
    if strict:
        return lambda other: other == domain
    organisation = organisation_of(domain)
    return lambda other: bool(other) and organisation_of(other) == organisation
