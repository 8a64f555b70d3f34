"""What a message is made of, for who may not or will not open it: its fields, and its parts without content.

Nothing of it is decoded but words in fields. Whoever shows it escapes it: it is text as its sender wrote it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import islice

from gateway.domain.headers import fields, text_value
from gateway.domain.mime import take_apart

MOST_BYTES = 16 << 20
"""Bytes of a message that are looked at; what lies behind them is not told."""

MOST_FIELDS = 500
MOST_PARTS = 500
LONGEST_VALUE = 2000
"""Characters of a field that are told."""


@dataclass(frozen=True, slots=True)
class FieldShown:
    """A field of the header."""

    name: str
    value: str  # as a person reads it


@dataclass(frozen=True, slots=True)
class PartShown:
    """A part of the message."""

    path: str  # "1.2": the second part of the first. "" is the message around parts
    content_type: str  # as declared, lower case
    charset: str
    encoding: str
    disposition: str
    name: str  # file name
    size: int  # bytes, as encoded


@dataclass(frozen=True, slots=True)
class Inspection:
    """A message, looked at from outside."""

    fields: tuple[FieldShown, ...]  # in their order
    parts: tuple[PartShown, ...]  # in the order of their bytes, each container before what it holds
    whole: bool  # False: there is more than was looked at, or is told


async def inspect(pieces: AsyncIterator[bytes]) -> Inspection:
    """What the message that comes in `pieces` is made of."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        if len(gathered) > MOST_BYTES:
            break
    return await asyncio.to_thread(_inspected, bytes(gathered))


def _inspected(message: bytes) -> Inspection:
    whole = len(message) <= MOST_BYTES
    found = fields(message[:MOST_BYTES])
    parts = take_apart(message[:MOST_BYTES])
    return Inspection(
        tuple(
            FieldShown(field.name, text_value(message, field)[:LONGEST_VALUE])
            for field in islice(found, MOST_FIELDS)
        ),
        tuple(
            PartShown(
                part.path,
                part.content_type[:LONGEST_VALUE],
                part.charset[:LONGEST_VALUE],
                part.encoding,
                part.disposition[:LONGEST_VALUE],
                part.name[:LONGEST_VALUE],
                part.end - part.body,
            )
            for part in islice(parts, MOST_PARTS)
        ),
        whole and len(found) <= MOST_FIELDS and len(parts) <= MOST_PARTS,
    )
