"""Adding a set to the chain: what we found out, and our signatures over message and chain (RFC 8617 §5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.authentication.arc.chain import (
    MESSAGE,
    MOST_SETS,
    RESULTS,
    SEAL,
    ChainError,
    last_place,
    read_chain,
)
from gateway.authentication.arc.validation import covered
from gateway.authentication.dkim.canonical import canonical_field
from gateway.authentication.dkim.keys import OwnKey
from gateway.authentication.dkim.signing import RELAXED, SIGNED, sign, sign_message
from gateway.authentication.header import Header
from gateway.authentication.results import FIELD, claims
from gateway.domain.authentication import Result

ORDER = ("i", "a", "t", "cv", "c", "d", "s", "h", "bh", "b")
"""The order of our tags: i= comes first (RFC 8617 §4.1)."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Who seals: our domain and key, and the name under which we say what we found out."""

    hostname: str
    domain: str
    selector: str
    key: OwnKey
    names: Sequence[str] = SIGNED
    order: Sequence[str] = ORDER


def arc_set(header: Header, body_hash: bytes, state: Result, sealer: Sealer, now: float) -> bytes:
    """The fields that go on top of a message with that header and body; empty where none may be added.

    `state` is what the chain was worth when the message came in. What is not known is not sealed, nor is
    a chain that is marked as broken, or full.
    """
    last, broken = last_place(header)
    if state not in _STATES or (last == 0) is not (state is Result.NONE) or broken or last >= MOST_SETS:
        return b""
    try:
        # A broken chain has no form that all would read alike: only what is ours is sealed (§5.1.2).
        sets = () if state is Result.FAIL else read_chain(header)
    except ChainError:
        return b""

    common = {"i": str(last + 1), "d": sealer.domain, "s": sealer.selector, "t": str(int(now))}
    results = b"%b: i=%d; %b\r\n" % (RESULTS.encode(), last + 1, _results(header, sealer.hostname))
    message = sign_message(MESSAGE, common, header, sealer.names, body_hash, sealer.key, sealer.order)
    own = [
        canonical_field(RESULTS, results, len(RESULTS), RELAXED),
        canonical_field(MESSAGE, message, len(MESSAGE), RELAXED),
    ]
    seal = sign(SEAL, common | {"cv": state.value}, [*covered(header, sets), *own], sealer.key, sealer.order)
    return seal + message + results


def _results(header: Header, hostname: str) -> bytes:
    """What our own Authentication-Results say, all in one (RFC 8617 §4.1.1)."""
    own = (header.value(field) for field in header.named(FIELD) if claims(header.value(field), hostname))
    said = [part for value in own if (part := value.partition(b";")[2].strip()) not in (b"", b"none")]
    return hostname.encode("ascii") + b"; " + (b"; ".join(said) or b"none")


_STATES = (Result.NONE, Result.PASS, Result.FAIL)
