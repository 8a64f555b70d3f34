"""Bodies in memory: for tests, and to say in a few lines what the port means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from hashlib import sha256

from gateway.blobs.port import MissingBody
from gateway.domain.mail import BodyRef


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryBlobs:
    """Keeps bodies as long as the process lives."""

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._bodies: dict[str, bytes] = {}
        self._stored_at: dict[str, datetime] = {}

    def create(self, owner_id: str) -> MemoryWriter:
        """Begin a body that is stored for the message `owner_id`."""
        return MemoryWriter(self, owner_id)

    def store(self, name: str, content: bytes) -> None:
        """Make a whole body visible under its name."""
        self._bodies[name] = content
        self._stored_at[name] = self._now()

    async def read(self, body: BodyRef) -> bytes:
        """The whole body. `MissingBody` when there is none of that name."""
        try:
            return self._bodies[body.name]
        except KeyError:
            raise MissingBody(body.name) from None

    async def chunks(self, body: BodyRef, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to `end`, in one piece."""
        if piece := (await self.read(body))[start:end]:
            yield piece

    async def remove(self, name: str) -> None:
        """Remove a body. Removing what is not there is harmless."""
        self._bodies.pop(name, None)
        self._stored_at.pop(name, None)

    async def names(self, older_than: datetime) -> AsyncIterator[str]:
        """The names of all bodies stored before that time."""
        for name, stored_at in tuple(self._stored_at.items()):
            if stored_at < older_than:
                yield name

    async def free_bytes(self) -> int | None:
        """Unknown."""
        return None

    async def close(self) -> None:
        """There is nothing to let go of."""


class MemoryWriter:
    """A body that is coming in."""

    def __init__(self, blobs: MemoryBlobs, owner_id: str) -> None:
        self._blobs = blobs
        self._owner_id = owner_id
        self._content = bytearray()

    async def write(self, chunk: bytes) -> None:
        """Add bytes."""
        self._content += chunk

    async def commit(self) -> BodyRef:
        """Make the body visible under its name."""
        content = bytes(self._content)
        name = f"{sha256(content).hexdigest()}-{self._owner_id}"
        self._blobs.store(name, content)
        return BodyRef(name, len(content))

    async def abort(self) -> None:
        """Throw away what was written."""
        self._content.clear()
