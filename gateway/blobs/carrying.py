"""Small bodies travel in their references: for most mail no file is made, synced, looked up and removed.

Such a body is as safe as the mail that carries it: whoever keeps the mail has it. Only what is larger
lies in the place for bodies itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from hashlib import sha256

from gateway.blobs.port import Blobs, BodyWriter
from gateway.domain.mail import BodyRef

MOST_CARRIED = 32 * 1024
"""Bytes of the largest body that is carried: `docs/decisions/0006` has the figures."""


class CarryingBlobs:
    """Another place for bodies, spared the small ones."""

    def __init__(self, kept: Blobs, most: int = MOST_CARRIED) -> None:
        self._kept = kept
        self._most = most

    def create(self, owner_id: str) -> CarryingWriter:
        """Begin a body that is stored for the message `owner_id`."""
        return CarryingWriter(self._kept, owner_id, self._most)

    async def read(self, body: BodyRef) -> bytes:
        """The whole body. `MissingBody` when it is neither carried nor kept."""
        return await self._kept.read(body) if body.carried is None else body.carried

    async def chunks(self, body: BodyRef, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to `end`: a carried body gives them in one piece."""
        if body.carried is None:
            async for piece in self._kept.chunks(body, start, end):
                yield piece
        elif piece := body.carried[start:end]:
            yield piece

    async def remove(self, name: str) -> None:
        """Remove a kept body; a carried one goes with its mail."""
        await self._kept.remove(name)

    def names(self, older_than: datetime) -> AsyncIterator[str]:
        """The names of all kept bodies stored before that time."""
        return self._kept.names(older_than)

    async def free_bytes(self) -> int | None:
        """Room left for kept bodies."""
        return await self._kept.free_bytes()

    async def close(self) -> None:
        """Let go of the place for kept bodies."""
        await self._kept.close()


class CarryingWriter:
    """A body that is coming in: gathered until it is too large to be carried."""

    def __init__(self, kept: Blobs, owner_id: str, most: int) -> None:
        self._kept = kept
        self._owner_id = owner_id
        self._most = most
        self._gathered = b""
        self._writer: BodyWriter | None = None  # once it is too large

    async def write(self, chunk: bytes) -> None:
        """Add bytes. Raises `TemporaryFailure` when there is no room for them."""
        if self._writer is None:
            self._gathered += chunk
            if len(self._gathered) <= self._most:
                return
            self._writer = self._kept.create(self._owner_id)
            chunk, self._gathered = self._gathered, b""
        await self._writer.write(chunk)

    async def commit(self) -> BodyRef:
        """Return the reference that carries the body, or when a large one is on stable storage."""
        if self._writer is not None:
            return await self._writer.commit()
        body = self._gathered
        return BodyRef(f"{sha256(body).hexdigest()}-{self._owner_id}", len(body), carried=body)

    async def abort(self) -> None:
        """Throw away what was written."""
        self._gathered = b""
        if self._writer is not None:
            await self._writer.abort()
