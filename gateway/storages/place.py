"""What storages ask of the place where their files lie.

A name is the path of a storage and what stands behind it there: `/arch_in/2026-01-05/iCMnF8AX05033.eml`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class Place(Protocol):
    """Keeps files under names that are known beforehand. What is away, or full, is a `TemporaryFailure`."""

    async def prepare(self, storage: str) -> None:
        """See that files can be kept in that storage; `ConfigError` when they cannot."""

    async def write(self, name: str, pieces: AsyncIterator[bytes], size: int) -> None:
        """Return when a file of those `size` bytes is on stable storage: as a whole, or not at all.

        One that is there is replaced.
        """

    def chunks(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from `start` on, in large pieces. `MissingFile` when there is none of that name."""

    async def remove(self, name: str) -> None:
        """Remove a file. Removing what is not there is harmless."""

    async def close(self) -> None:
        """Let go of what is behind it."""


class MissingFile(Exception):
    """There is no file of that name: somebody removed it by hand."""
