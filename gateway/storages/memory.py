"""Files in memory: for tests, and to say in a few lines what the port means."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.storages.place import MissingFile


class MemoryPlace:
    """Keeps files as long as the process lives."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def prepare(self, storage: str) -> None:
        """There is always room."""

    async def write(self, name: str, pieces: AsyncIterator[bytes], size: int) -> None:
        """Make a file visible."""
        self.files[name] = b"".join([piece async for piece in pieces])

    async def chunks(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from `start` on, in one piece."""
        try:
            content = self.files[name]
        except KeyError:
            raise MissingFile(name) from None
        if content[start:]:
            yield content[start:]

    async def remove(self, name: str) -> None:
        """Remove a file."""
        self.files.pop(name, None)

    async def close(self) -> None:
        """There is nothing to let go of."""
