"""Bodies as files of a directory, which may be shared by many machines.

    root/incoming/   bodies that are coming in, under names of no meaning
    root/00 ... ff/  bodies, by the first two digits of their name

A body appears under its name by one rename, after its bytes are on stable storage; the commit returns
when the name is, too. File work happens in threads of its own: waiting for a disk must hold up neither
the event loop nor others who use threads. Only what the system has in memory is read without a thread,
since the way to one and back costs more than the reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from time import time
from typing import ParamSpec, TypeVar
from uuid import uuid4

from gateway.blobs.foldersync import FolderSync, sync_folder
from gateway.blobs.port import MissingBody
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.mail import BodyRef

PIECE = 256 * 1024
"""Bytes that are read or written at once. A body up to this size is stored in one step."""

MOST_AT_ONCE = 4 * PIECE
"""Bytes from memory that may hold up the event loop: copying them takes less than half a millisecond."""

THREADS = 16
"""So many files are written at once: file systems bring concurrent fsyncs to the disk together."""

LEFT_OVER_AFTER = 24 * 3600
"""Seconds without a write, after which an incoming file belongs to a process that died."""

_INCOMING = "incoming"
_FOLDERS = tuple(f"{number:02x}" for number in range(256))

_REMEDY = "the gateway needs a directory that its user may write to"
_REMEDIES = {
    errno.ENOSPC: "free some room on that disk",
    errno.EDQUOT: "raise the quota of the gateway's user",
    errno.EROFS: "mount that file system for writing",
}

P = ParamSpec("P")
T = TypeVar("T")


class DirectoryBlobs:
    """Keeps bodies below `root`. `ConfigError` when that is no place to write."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="blobs")
        self._folder_sync = FolderSync()
        self._tells_memory = True  # until the file system says that it cannot tell memory from disk
        try:
            _prepare(root)
            _remove_leftovers(root / _INCOMING)
        except OSError as error:
            raise ConfigError(
                f"{error.filename or root}: cannot keep message bodies here: {error.strerror}; "
                f"{_REMEDIES.get(error.errno or 0, _REMEDY)}"
            ) from error

    def create(self, owner_id: str) -> DirectoryWriter:
        """Begin a body that is stored for the message `owner_id`."""
        return DirectoryWriter(self, _Spool(self._root, owner_id, self._folder_sync))

    async def read(self, body: BodyRef) -> bytes:
        """The whole body. `MissingBody` when there is none of that name."""
        return b"".join([piece async for piece in self._pieces(body, 0, body.size, body.size)])

    def chunks(self, body: BodyRef, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to `end` in pieces of at most `PIECE`."""
        return self._pieces(body, start, body.size if end is None else min(end, body.size), PIECE)

    async def remove(self, name: str) -> None:
        """Remove a body. Removing what is not there is harmless."""
        await self.in_thread("remove", _unlink, self._path(name))

    async def names(self, older_than: datetime) -> AsyncIterator[str]:
        """The names of all bodies stored before that time, read folder by folder."""
        limit = older_than.timestamp()
        for folder in _FOLDERS:
            for name in await self.in_thread("list", _names_in, self._root / folder, limit):
                yield name

    async def free_bytes(self) -> int | None:
        """Room that the gateway's user may fill."""
        room = await self.in_thread("measure", os.statvfs, self._root)
        return room.f_bavail * room.f_frsize

    async def close(self) -> None:
        """Let the threads end when they have done what they were given."""
        self._threads.shutdown(wait=False)

    async def in_thread(self, doing: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do file work in a thread; what the disk refuses is a `TemporaryFailure`."""
        loop = asyncio.get_running_loop()
        with self._refusals(doing):
            return await loop.run_in_executor(self._threads, partial(work, *args, **kwargs))

    async def _pieces(self, body: BodyRef, start: int, stop: int, most: int) -> AsyncIterator[bytes]:
        if self._tells_memory:
            with self._refusals("read"):
                descriptor = self._open(body.name)
            piece = b""
        else:
            descriptor, piece = await self.in_thread(
                "read", self._open_and_read, body.name, start, stop, most
            )
        try:
            while start < stop:
                piece = piece or await self._piece(descriptor, start, min(stop, start + most))
                if not piece:
                    raise TemporaryFailure(f"body {body.name} ends after {start} of {body.size} bytes")
                yield piece
                start += len(piece)
                piece = b""
        finally:
            os.close(descriptor)

    async def _piece(self, descriptor: int, start: int, stop: int) -> bytes:
        with self._refusals("read"):
            piece = self._in_memory(descriptor, start, stop)
        return piece or await self.in_thread("read", os.pread, descriptor, stop - start, start)

    def _in_memory(self, descriptor: int, start: int, stop: int) -> bytes:
        """The bytes from `start` on, up to the first that would have to be fetched from the disk."""
        if not self._tells_memory or stop - start > MOST_AT_ONCE:
            return b""
        piece = bytearray(stop - start)
        try:
            count = os.preadv(descriptor, [piece], start, os.RWF_NOWAIT)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            self._tells_memory = False
            return b""
        return bytes(memoryview(piece)[:count])

    @contextlib.contextmanager
    def _refusals(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TemporaryFailure(f"cannot {doing} a body in {self._root}: {error}") from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name}"

    def _open_and_read(self, name: str, start: int, stop: int, most: int) -> tuple[int, bytes]:
        descriptor = self._open(name)
        try:
            return descriptor, os.pread(descriptor, min(most, max(stop - start, 0)), start)
        except OSError:
            os.close(descriptor)
            raise

    def _open(self, name: str) -> int:
        try:
            return os.open(self._path(name), os.O_RDONLY)
        except FileNotFoundError:
            # Where its folder is gone too, the whole directory is away, and so is every body.
            if (self._root / name[:2]).is_dir():
                raise MissingBody(name) from None
            raise


class DirectoryWriter:
    """A body that is coming in: gathered in memory first, in a file when it grows."""

    def __init__(self, blobs: DirectoryBlobs, spool: _Spool) -> None:
        self._blobs = blobs
        self._spool = spool
        self._gathered = bytearray()

    async def write(self, chunk: bytes) -> None:
        """Add bytes. Raises `TemporaryFailure` when there is no room for them."""
        self._gathered += chunk
        if len(self._gathered) > PIECE:
            await self._blobs.in_thread("write", self._spool.append, self._take())

    async def commit(self) -> BodyRef:
        """Return when the body is on stable storage under its name."""
        return await self._blobs.in_thread("store", self._spool.commit, self._take())

    async def abort(self) -> None:
        """Throw away what was written."""
        self._take()
        if self._spool.started:
            await self._blobs.in_thread("discard", self._spool.discard)

    def _take(self) -> bytearray:
        gathered, self._gathered = self._gathered, bytearray()
        return gathered


class _Spool:
    """The file of one incoming body, as the threads see it.

    The lock is for a caller that is cancelled while a thread writes, and then aborts.
    """

    def __init__(self, root: Path, owner_id: str, folder_sync: FolderSync) -> None:
        self._root = root
        self._owner_id = owner_id
        self._folder_sync = folder_sync
        self._incoming = f"{root}/{_INCOMING}/{owner_id}-{uuid4().hex}"
        self._lock = Lock()
        self._digest = sha256()
        self._size = 0
        self._descriptor = -1
        self.started = False

    def append(self, content: bytearray) -> None:
        with self._lock, self._discarding_on_failure():
            self._append(content)

    def commit(self, content: bytearray) -> BodyRef:
        with self._lock, self._discarding_on_failure():
            self._append(content)
            os.fsync(self._descriptor)

            name = f"{self._digest.hexdigest()}-{self._owner_id}"
            folder = f"{self._root}/{name[:2]}"
            os.rename(self._incoming, f"{folder}/{name}")
            self._close()
        self._folder_sync.sync(folder)
        return BodyRef(name, self._size)

    def discard(self) -> None:
        with self._lock:
            self._discard()

    @contextlib.contextmanager
    def _discarding_on_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            # A full disk gets its room back at once, not when the caller finds time to abort.
            self._discard()
            raise

    def _append(self, content: bytearray) -> None:
        if not self.started:
            self.started = True
            self._descriptor = os.open(self._incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._digest.update(content)
        self._size += len(content)
        left = memoryview(content)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def _discard(self) -> None:
        self._close()
        _unlink(self._incoming)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _prepare(root: Path) -> None:
    """Make the folders that are missing, and try out that files can be written."""
    if not root.exists():
        root.mkdir(parents=True, exist_ok=True)
        sync_folder(root.parent)
    for name in (_INCOMING, *_FOLDERS):
        (root / name).mkdir(mode=0o700, exist_ok=True)
    sync_folder(root)

    trial = root / _INCOMING / f"trial-{uuid4().hex}"
    trial.touch(mode=0o600)
    trial.unlink()


def _remove_leftovers(incoming: Path) -> None:
    limit = time() - LEFT_OVER_AFTER
    with os.scandir(incoming) as entries:
        for entry in entries:
            # Another process may tidy up at the same moment.
            with contextlib.suppress(FileNotFoundError):
                if entry.stat().st_mtime < limit:
                    os.unlink(entry)


def _names_in(folder: Path, limit: float) -> list[str]:
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.stat().st_mtime < limit:
                    names.append(entry.name)
    return names
