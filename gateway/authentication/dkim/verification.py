"""Verifying the DKIM signatures of a message (RFC 6376 §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

from gateway.authentication.dkim.bodyhash import BodyHash, Coverage
from gateway.authentication.dkim.keys import Key, NoKey
from gateway.authentication.dkim.signature import (
    Signature,
    is_signed,
    problem_of_body,
    problem_of_time,
    read_signature,
)
from gateway.authentication.header import Header
from gateway.authentication.names import LONGEST_NAME, is_within, plain_domain
from gateway.authentication.tags import TagError, read_tags, required, words
from gateway.domain.authentication import LONGEST_REASON, Dkim, Result
from gateway.domain.headers import Field

FIELD = "DKIM-Signature"

MOST_SIGNATURES = 8
"""Signatures of a message that are looked at, from the top. Real mail has one or two, lists make it four."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signature that may turn out to be valid."""

    signature: Signature
    agent: str  # the domain of i=
    told: Dkim  # what is told of it whatever comes out


def candidates(header: Header, now: float) -> tuple[Candidate | Dkim, ...]:
    """The signatures of a message; those that cannot be valid whatever the key are judged at once."""
    return tuple(_candidate(header, field, now) for field in islice(header.named(FIELD), MOST_SIGNATURES))


def judge(
    candidate: Candidate, key: Key | NoKey, header: Header, bodies: Mapping[Coverage, BodyHash]
) -> Dkim:
    """What a signature is worth."""
    if isinstance(key, NoKey):
        return replace(candidate.told, result=key.result, reason=key.reason[:LONGEST_REASON])
    result, reason = _verdict(candidate, key, header, bodies[candidate.signature.coverage])
    return replace(candidate.told, result=result, reason=reason, testing=key.testing)


def _verdict(candidate: Candidate, key: Key, header: Header, body: BodyHash) -> tuple[Result, str]:
    signature = candidate.signature
    if key.strict and candidate.agent != signature.signer.domain:
        return Result.PERMERROR, "i= is not of the domain itself"
    if problem := problem_of_body(signature, body):
        return Result.FAIL, problem
    if not is_signed(signature, key, header):
        return Result.FAIL, "the header was changed"
    if body.left:
        # Whoever had the message could add to it (RFC 6376 §8.2).
        return Result.POLICY, f"{body.left} bytes of the body are not signed"
    return Result.PASS, ""


def _candidate(header: Header, field: Field, now: float) -> Candidate | Dkim:
    told = Dkim(Result.PERMERROR)
    try:
        tags = read_tags(header.value(field))
        told = _told(tags)
        if required(tags, "v") != "1":
            raise TagError("v= is not 1")
        signature = read_signature(header, field, tags)
        agent = plain_domain(tags["i"].rpartition("@")[2]) if "i" in tags else signature.signer.domain
        if not is_within(agent, signature.signer.domain):
            raise TagError("i= is not within d=")
        if "from" not in signature.names:
            raise TagError("h= does not have From")
        if "q" in tags and "dns/txt" not in words(tags["q"]):
            raise TagError("q= is not possible")
    except TagError as error:
        return replace(told, reason=str(error))
    if problem := problem_of_time(signature, now):
        return replace(told, reason=problem)
    return Candidate(signature, agent, told)


def _told(tags: Mapping[str, str]) -> Dkim:
    """What is told of a signature before it is known to be readable."""
    domain = tags.get("d", "")
    return Dkim(
        Result.PERMERROR,
        plain_domain(domain) or domain[:LONGEST_NAME],
        tags.get("s", "").lower()[:LONGEST_NAME],
        tags.get("a", "")[:_LONGEST_ALGORITHM],
        "".join(tags.get("b", "").split())[:_START_OF_VALUE],
    )


_LONGEST_ALGORITHM = 32
_START_OF_VALUE = 8  # RFC 6008 §4
