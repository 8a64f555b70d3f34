"""Validating a chain (RFC 8617 §5.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from gateway.authentication.arc.chain import ArcSet
from gateway.authentication.dkim.bodyhash import BodyHash, Coverage
from gateway.authentication.dkim.canonical import Canonicalization
from gateway.authentication.dkim.keys import Key, NoKey, Signer, find_key
from gateway.authentication.dkim.signature import is_signed, problem_of_body, problem_of_time, unsigned
from gateway.authentication.header import Header
from gateway.authentication.results import result_of
from gateway.dns.port import Dns
from gateway.domain.authentication import LONGEST_REASON, Arc, Result

KEYS_AT_ONCE = 10
"""Sets whose keys are looked up together, the newest first: a chain that breaks costs no more look-ups."""


async def check_header(dns: Dns, header: Header, sets: Sequence[ArcSet], now: float) -> Arc:
    """What the chain is worth if the body is the one that the newest set signed."""
    newest = sets[-1].message
    if problem := problem_of_time(newest, now):
        return _failed(Result.FAIL, len(sets), problem)

    keys = await _find_keys(dns, {newest.signer, *(each.seal.signer for each in sets[-KEYS_AT_ONCE:])})
    key = keys[newest.signer]
    if isinstance(key, NoKey):
        return _failed(key.result, len(sets), key.reason)
    if not is_signed(newest, key, header):
        return _failed(Result.FAIL, len(sets), "the header was changed")
    for place in range(len(sets), 0, -1):
        signer = sets[place - 1].seal.signer
        if signer not in keys:
            older = sets[max(0, place - KEYS_AT_ONCE) : place]
            keys |= await _find_keys(dns, {each.seal.signer for each in older} - keys.keys())
        if failed := _problem_of_seal(header, sets[:place], keys[signer]):
            return failed
    return Arc(
        Result.PASS,
        tuple(each.seal.signer.domain for each in sets),
        result_of("dmarc", header.value(sets[0].results)) or Result.NONE,
    )


def with_body(of_header: Arc, newest: ArcSet, bodies: Mapping[Coverage, BodyHash]) -> Arc:
    """What the chain is worth with the body that came."""
    if of_header.result is not Result.PASS:
        return of_header
    body = bodies[newest.message.coverage]
    if problem := problem_of_body(newest.message, body):
        return _failed(Result.FAIL, len(of_header.sealers), problem)
    if body.left:
        return _failed(Result.FAIL, len(of_header.sealers), f"{body.left} bytes of the body are not signed")
    return of_header


def covered(header: Header, sets: Sequence[ArcSet]) -> list[bytes]:
    """What a seal covers of the sets before its own (RFC 8617 §5.1.1)."""
    return [
        header.canonical(field, Canonicalization.RELAXED)
        for each in sets
        for field in (each.results, each.message.field, each.seal.field)
    ]


async def _find_keys(dns: Dns, signers: set[Signer]) -> dict[Signer, Key | NoKey]:
    ordered = list(signers)
    return dict(zip(ordered, await asyncio.gather(*(find_key(dns, one) for one in ordered)), strict=True))


def _problem_of_seal(header: Header, sets: Sequence[ArcSet], key: Key | NoKey) -> Arc | None:
    if isinstance(key, NoKey):
        return _failed(key.result, len(sets), key.reason)
    *before, last = sets
    form = Canonicalization.RELAXED
    own = [header.canonical(field, form) for field in (last.results, last.message.field)]
    content = b"".join([*covered(header, before), *own, unsigned(header, last.seal.field, form)])
    if key.confirms(last.seal.signer.algorithm, last.seal.value, content):
        return None
    return _failed(Result.FAIL, len(sets), "the seal is broken")


def _failed(result: Result, place: int, reason: str) -> Arc:
    # A chain without a key is broken for good (RFC 8617 §5.2); only trouble of DNS may pass.
    final = result if result is Result.TEMPERROR else Result.FAIL
    return Arc(final, reason=f"set {place}: {reason}"[:LONGEST_REASON])
