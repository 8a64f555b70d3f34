"""Bodies as objects of an S3 bucket.

An object appears when its upload is complete, and is on stable storage when the server says so. A body
of one part is put under its name at once. A larger one is uploaded part by part before its digest, and
so its name, is known: under `incoming/`, from where the server copies it to its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from gateway.blobs.port import MissingBody
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.mail import BodyRef

PART = 5 * 1024 * 1024
"""Bytes of one part of a large upload: S3 wants no smaller ones."""

PIECE = 256 * 1024
"""The least number of bytes that `chunks` gives at once, but for the last."""

LEFT_OVER_AFTER = timedelta(days=1)
"""The age at which an incoming object belongs to a process that died."""

_INCOMING = "incoming"
_BEHIND_BODIES = "g"
"""Servers list by name: bodies, which begin with hex digits, come first. What lies behind may be much."""
_TRY_FOR = timedelta(seconds=10)
_REQUEST_TIMEOUT = timedelta(seconds=30)
_CONNECT_TIMEOUT = timedelta(seconds=3)

T = TypeVar("T")


async def open_s3(bucket: str, prefix: str = "", endpoint: str = "", region: str = "") -> S3Blobs:
    """Blobs in `bucket` under `prefix`, after a trial; `ConfigError` when it cannot be used.

    Credentials come from where S3 tools look for them: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`
    of the environment, or the identity of the machine.
    """
    if endpoint.startswith("http://") and not _is_loopback(endpoint):
        raise ConfigError(
            f"[gateway.blobs] Endpoint {endpoint}: mail must not travel unencrypted; use https://"
        )
    place = f"{bucket}/{prefix}" if prefix else bucket
    try:
        store = S3Store(
            bucket,
            prefix=prefix or None,
            endpoint=endpoint or None,
            region=region or "us-east-1",
            client_options={
                "allow_http": True,  # no further than the loopback, see above
                "timeout": _REQUEST_TIMEOUT,
                "connect_timeout": _CONNECT_TIMEOUT,
            },
            retry_config={"max_retries": 3, "retry_timeout": _TRY_FOR},
        )
        blobs = S3Blobs(store, place)
        await blobs.try_out()
    except (BaseError, OSError, TemporaryFailure) as error:
        raise ConfigError(
            f"[gateway.blobs] Url s3://{place}: cannot keep message bodies there: {_in_short(error)}; "
            "check bucket, Endpoint, and the credentials AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error
    return blobs


class S3Blobs:
    """Keeps bodies in a bucket; `place` names it in what is logged."""

    def __init__(self, store: S3Store, place: str) -> None:
        self.store = store
        self._place = place

    async def try_out(self) -> None:
        """Write, list and remove, as the gateway will; `TemporaryFailure` when one is refused."""
        trial = f"{_INCOMING}/{uuid4().hex}"
        await self.call(obstore.put_async(self.store, trial, b"trial"))
        await self._remove_leftovers()
        await self.remove(trial)

    def create(self, owner_id: str) -> S3Writer:
        """Begin a body that is stored for the message `owner_id`."""
        return S3Writer(self, owner_id)

    async def read(self, body: BodyRef) -> bytes:
        """The whole body. `MissingBody` when there is none of that name."""
        return b"".join([chunk async for chunk in self.chunks(body)])

    async def chunks(self, body: BodyRef, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to `end` in large pieces. `MissingBody` when there is none."""
        stop = body.size if end is None else min(end, body.size)
        try:
            if start >= stop:  # S3 refuses a range of no bytes
                await self.call(obstore.head_async(self.store, body.name))
                return
            found = await self.call(
                obstore.get_async(self.store, body.name, options={"range": (start, stop)})
            )
        except FileNotFoundError:
            raise MissingBody(body.name) from None

        pieces = aiter(found.stream(min_chunk_size=PIECE))
        while True:
            try:
                piece = await self.call(anext(pieces))
            except StopAsyncIteration:
                return
            yield bytes(piece)

    async def remove(self, name: str) -> None:
        """Remove a body. Removing what is not there is harmless."""
        with suppress(FileNotFoundError):
            await self.call(obstore.delete_async(self.store, name))

    async def names(self, older_than: datetime) -> AsyncIterator[str]:
        """The names of all bodies stored before that time, page by page."""
        async for path in self._paths(older_than, until=_BEHIND_BODIES):
            yield path

    async def free_bytes(self) -> int | None:
        """Unknown: a bucket has no end."""
        return None

    async def close(self) -> None:
        """Connections close with the last reference to them."""

    async def put(self, body: BodyRef, content: bytes | bytearray) -> None:
        """Store a body of one part."""
        await self.call(obstore.put_async(self.store, body.name, bytes(content), use_multipart=False))

    async def upload(self, incoming: str, parts: AsyncIterator[bytes]) -> None:
        """Upload part by part. When `parts` raises, nothing of the upload stays."""
        await self.call(
            obstore.put_async(
                self.store, f"{_INCOMING}/{incoming}", parts, chunk_size=PART, max_concurrency=2
            )
        )

    async def give_name(self, incoming: str, body: BodyRef) -> None:
        """Make an uploaded body visible under its name."""
        await self.call(obstore.copy_async(self.store, f"{_INCOMING}/{incoming}", body.name))
        await self.remove(f"{_INCOMING}/{incoming}")

    async def call(self, request: Awaitable[T]) -> T:
        """Wait for a request: `FileNotFoundError` without the object, `TemporaryFailure` for all else."""
        try:
            return await request
        except (BaseError, OSError) as error:
            if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in str(error):
                raise
            raise TemporaryFailure(f"s3://{self._place}: {_in_short(error)}") from error

    async def _paths(
        self, older_than: datetime, below: str | None = None, until: str = ""
    ) -> AsyncIterator[str]:
        pages = aiter(obstore.list(self.store, below))
        while True:
            try:
                page = await self.call(anext(pages))
            except StopAsyncIteration:
                return
            for stored in page:
                if until and stored["path"] >= until:
                    return
                if stored["last_modified"] < older_than:
                    yield stored["path"]

    async def _remove_leftovers(self) -> None:
        async for path in self._paths(datetime.now(UTC) - LEFT_OVER_AFTER, below=_INCOMING):
            await self.remove(path)


class S3Writer:
    """A body that is coming in: gathered in memory up to one part, then uploaded part by part."""

    def __init__(self, blobs: S3Blobs, owner_id: str) -> None:
        self._blobs = blobs
        self._owner_id = owner_id
        self._digest = sha256()
        self._size = 0
        self._gathered = bytearray()
        self._upload: _Upload | None = None

    async def write(self, chunk: bytes) -> None:
        """Add bytes. Raises `TemporaryFailure` when the bucket does not take them."""
        self._digest.update(chunk)
        self._size += len(chunk)
        self._gathered += chunk
        if len(self._gathered) > PART:
            self._upload = self._upload or _Upload(self._blobs)
            await self._upload.feed(self._take())

    async def commit(self) -> BodyRef:
        """Return when the body is stored under its name; `TemporaryFailure` otherwise."""
        body = BodyRef(f"{self._digest.hexdigest()}-{self._owner_id}", self._size)
        if self._upload is None:
            await self._blobs.put(body, self._take())
        else:
            await self._upload.feed(self._take())
            await self._upload.finish()
            await self._blobs.give_name(self._upload.name, body)
            self._upload = None
        return body

    async def abort(self) -> None:
        """Throw away what was written."""
        self._take()
        if self._upload is not None:
            await self._upload.cancel()
            self._upload = None

    def _take(self) -> bytes:
        content = bytes(self._gathered)
        self._gathered.clear()
        return content


class _Aborted(Exception):
    """Ends an upload whose body is not wanted any more."""


class _Upload:
    """An upload under way: a task that asks for parts, and a place for one part that waits."""

    def __init__(self, blobs: S3Blobs) -> None:
        self.name = uuid4().hex
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._wanted = True
        self._task = asyncio.create_task(blobs.upload(self.name, self._parts()))

    async def feed(self, part: bytes | None) -> None:
        """Hand over the next part, or None after the last; raises what the upload has met."""
        handing_over = asyncio.ensure_future(self._waiting.put(part))
        try:
            await asyncio.wait((handing_over, self._task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            handing_over.cancel()
        if self._task.done():
            await self._task

    async def finish(self) -> None:
        """Return when all parts are stored."""
        await self.feed(None)
        await self._task

    async def cancel(self) -> None:
        """Tell the server to forget what it has got."""
        self._wanted = False
        with suppress(_Aborted, TemporaryFailure):
            await self.finish()

    async def _parts(self) -> AsyncIterator[bytes]:
        while True:
            part = await self._waiting.get()
            if not self._wanted:
                # Only an error makes the library abort the upload on the server.
                raise _Aborted
            if part is None:
                return
            yield part


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_short(error: Exception) -> str:
    """The library's first lines: below them it shows its own insides."""
    return " ".join(str(error).partition("\n\nDebug source")[0].split())
