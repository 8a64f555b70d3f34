"""Files of storages as objects of the bucket that bodies lie in, each under the path of its storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import obstore

from gateway.blobs.s3 import PART, PIECE, S3Blobs
from gateway.storages.place import MissingFile

if TYPE_CHECKING:  # a name for type checkers alone
    from obstore import GetOptions

FOLDER = "storages"
"""Where the storages lie, beside the bodies."""


class BucketPlace:
    """Keeps files in the bucket of `blobs`, and shares the way to it."""

    def __init__(self, blobs: S3Blobs) -> None:
        self._blobs = blobs

    async def prepare(self, storage: str) -> None:
        """The bucket was tried when it was opened."""

    async def write(self, name: str, pieces: AsyncIterator[bytes], size: int) -> None:
        """Return when the object is complete: before, there is none."""
        store, key = self._blobs.store, _key(name)
        if size <= PART:
            content = b"".join([piece async for piece in pieces])
            await self._blobs.call(obstore.put_async(store, key, content, use_multipart=False))
        else:
            upload = obstore.put_async(store, key, _parts(pieces), chunk_size=PART, max_concurrency=2)
            await self._blobs.call(upload)

    async def chunks(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from `start` on, in pieces of at least `PIECE` but for the last."""
        options: GetOptions = {"range": {"offset": start}} if start else {}
        try:
            found = await self._blobs.call(obstore.get_async(self._blobs.store, _key(name), options=options))
        except FileNotFoundError:
            raise MissingFile(name) from None
        pieces = aiter(found.stream(min_chunk_size=PIECE))
        while True:
            try:
                piece = await self._blobs.call(anext(pieces))
            except StopAsyncIteration:
                return
            yield bytes(piece)

    async def remove(self, name: str) -> None:
        """Remove an object."""
        with suppress(FileNotFoundError):
            await self._blobs.call(obstore.delete_async(self._blobs.store, _key(name)))

    async def close(self) -> None:
        """The way to the bucket is that of the bodies."""


def _key(name: str) -> str:
    return f"{FOLDER}{name}"


async def _parts(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces put together to parts of an upload, which may not be small."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        if len(gathered) >= PART:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
