"""What the gateway asks of a place for bodies.

A name is the SHA-256 of the bytes, a hyphen, and the id of the message that it was stored for. So each
body has one owner that ends, and removing it cannot race with somebody who stores the same bytes anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from gateway.domain.mail import BodyRef


class BodyWriter(Protocol):
    """A body that is coming in. Nothing of it is visible before `commit`."""

    async def write(self, chunk: bytes) -> None:
        """Add bytes. Raises `TemporaryFailure` when there is no room for them."""

    async def commit(self) -> BodyRef:
        """Return when the body is on stable storage under its name; `TemporaryFailure` otherwise.

        A small body may instead be in the reference itself, and so wherever that is kept.
        """

    async def abort(self) -> None:
        """Throw away what was written. Harmless after `commit`."""


class Blobs(Protocol):
    """Keeps bodies. What is away for a while, or full, is a `TemporaryFailure`."""

    def create(self, owner_id: str) -> BodyWriter:
        """Begin a body that is stored for the message `owner_id`."""

    async def read(self, body: BodyRef) -> bytes:
        """The whole body. `MissingBody` when there is none of that name."""

    def chunks(self, body: BodyRef, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to `end` in large pieces. `MissingBody` when there is none."""

    async def remove(self, name: str) -> None:
        """Remove a body. Removing what is not there is harmless."""

    def names(self, older_than: datetime) -> AsyncIterator[str]:
        """The names of all bodies stored before that time, in no order."""

    async def free_bytes(self) -> int | None:
        """Room left for bodies, or None where that cannot be known."""

    async def close(self) -> None:
        """Let go of the product behind it."""


class MissingBody(Exception):
    """There is no body of that name: a fault of our own, since nobody removes what is referred to."""
