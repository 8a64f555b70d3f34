"""The ARC sets of a message, and whether they can be a chain at all (RFC 8617 §4, §5.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from gateway.authentication.dkim.keys import Signer
from gateway.authentication.dkim.signature import Signature, read_signature, read_signer
from gateway.authentication.header import Header
from gateway.authentication.tags import TagError, from_base64, number, read_tags, required
from gateway.domain.authentication import Result
from gateway.domain.headers import Field

RESULTS, MESSAGE, SEAL = "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"

MOST_SETS = 50
"""RFC 8617 §4.2.1."""

_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,2})[ \t\r\n]*;")
_STATES = {"none": Result.NONE, "pass": Result.PASS, "fail": Result.FAIL}

_T = TypeVar("_T")


class ChainError(Exception):
    """The sets are no chain; the message says why."""


@dataclass(frozen=True, slots=True)
class Seal:
    """An ARC-Seal: who vouches for all sets up to this one."""

    field: Field
    signer: Signer
    value: bytes  # b=
    state: Result  # cv=: of the chain before this set


@dataclass(frozen=True, slots=True)
class ArcSet:
    """What one of those who passed the message on added."""

    results: Field
    message: Signature
    seal: Seal


def read_chain(header: Header) -> tuple[ArcSet, ...]:
    """The sets, the first one first; none when nobody sealed. Raises `ChainError`."""
    if not any(header.named(name) for name in (RESULTS, MESSAGE, SEAL)):
        return ()
    results = _numbered(header, RESULTS, _read_results)
    messages = _numbered(header, MESSAGE, _read_message)
    seals = _numbered(header, SEAL, _read_seal)
    places = range(1, len(seals) + 1)
    if not set(results) == set(messages) == set(seals) == set(places):
        raise ChainError("the sets are not whole")

    for place, seal in sorted(seals.items(), reverse=True):
        if seal.state is Result.FAIL:
            raise ChainError(f"set {place} says that the chain was broken before it")
        if (seal.state is Result.NONE) is not (place == 1):
            raise ChainError(f"set {place} has a cv= that does not belong there")
    return tuple(ArcSet(results[place], messages[place], seals[place]) for place in places)


def last_place(header: Header) -> tuple[int, bool]:
    """The highest i= in the header, chain or not, and whether its seal says that the chain is broken."""
    places: dict[int, bool] = {}
    for name in (RESULTS, MESSAGE, SEAL):
        for field in header.named(name):
            try:
                tags = read_tags(
                    header.value(field).partition(b";")[0] if name == RESULTS else header.value(field)
                )
                place = number(tags, "i") or 0
            except TagError:
                continue
            places[place] = places.get(place, False) or tags.get("cv", "").lower() == Result.FAIL
    last = max(places, default=0)
    return last, places.get(last, False)


def _numbered(
    header: Header, name: str, read: Callable[[Header, Field], tuple[int | None, _T]]
) -> dict[int, _T]:
    fields = header.named(name)
    if len(fields) > MOST_SETS:
        raise ChainError(f"there are more than {MOST_SETS} sets")
    found: dict[int, _T] = {}
    for field in fields:
        try:
            place, value = read(header, field)
        except TagError as error:
            raise ChainError(f"an {name} cannot be read: {error}") from None
        if place is None or place in found:
            raise ChainError(f"an {name} has {'no place' if place is None else 'the place of another'}")
        found[place] = value
    return found


def _read_results(header: Header, field: Field) -> tuple[int | None, Field]:
    found = _INSTANCE.match(header.value(field))
    return int(found[1]) if found else None, field


def _read_message(header: Header, field: Field) -> tuple[int | None, Signature]:
    # Those who leave c= out mean another form than in DKIM: the published suite and its users agree.
    tags = {"c": "relaxed/relaxed", **read_tags(header.value(field))}
    signature = read_signature(header, field, tags)
    if SEAL.lower() in signature.names:
        raise TagError("h= has ARC-Seal")  # RFC 8617 §4.1.2
    return number(tags, "i"), signature


def _read_seal(header: Header, field: Field) -> tuple[int | None, Seal]:
    tags: Mapping[str, str] = read_tags(header.value(field))
    if "h" in tags:
        raise TagError("it has h=")  # RFC 8617 §4.1.3
    number(tags, "t")
    state = _STATES.get(required(tags, "cv").lower())
    if state is None:
        raise TagError("cv= is not possible")
    return number(tags, "i"), Seal(field, read_signer(tags), from_base64(required(tags, "b"), "b"), state)
