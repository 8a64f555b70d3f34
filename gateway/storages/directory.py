"""Files of storages in the directories that the configuration names, for anybody to read who may.

    /var/lib/mailwarden/arch_in/2026-01-05/iCMnF8AX05033.eml

A file appears by one rename, after its bytes are on stable storage. File work happens in threads of its
own: waiting for a disk must not hold up the event loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import uuid4

from gateway.blobs.foldersync import FolderSync, sync_folder
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.storages.place import MissingFile

PIECE = 256 * 1024
"""Bytes that are read or written at once. A file up to this size is stored in one step."""

THREADS = 8

P = ParamSpec("P")
T = TypeVar("T")


class DirectoryPlace:
    """Keeps files where their names say."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="storages")
        self._folder_sync = FolderSync()

    async def prepare(self, storage: str) -> None:
        """Make the directory if it is missing, and try out that files can be written."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, _try_out, Path(storage))
        except OSError as error:
            raise ConfigError(
                f"{error.filename or storage}: no mail can be kept in the storage {storage}: "
                f"{error.strerror}; it needs a directory that the gateway's user may write to"
            ) from error

    async def write(self, name: str, pieces: AsyncIterator[bytes], size: int) -> None:
        """Return when the file is on stable storage."""
        file = _File(name, self._folder_sync)
        gathered = bytearray()
        try:
            async for piece in pieces:
                gathered += piece
                if len(gathered) > PIECE:
                    await self._in_thread("write", name, file.append, gathered)
                    gathered = bytearray()
            await self._in_thread("store", name, file.commit, gathered)
        except BaseException:
            if file.started:
                await self._in_thread("discard", name, file.discard)
            raise

    async def chunks(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from `start` on, in pieces of at most `PIECE`."""
        descriptor = await self._in_thread("open", name, _open, name)
        try:
            while piece := await self._in_thread("read", name, os.pread, descriptor, PIECE, start):
                yield piece
                start += len(piece)
        finally:
            os.close(descriptor)

    async def remove(self, name: str) -> None:
        """Remove a file, and its folder with the last one."""
        await self._in_thread("remove", name, _remove, name)

    async def close(self) -> None:
        """Let the threads end when they have done what they were given."""
        self._threads.shutdown(wait=False)

    async def _in_thread(
        self, doing: str, name: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, partial(work, *args, **kwargs))
        except OSError as error:
            raise TemporaryFailure(f"cannot {doing} {name}: {error.strerror or error}") from error


class _File:
    """A file that is being written, as the threads see it; one of them at a time."""

    def __init__(self, name: str, folder_sync: FolderSync) -> None:
        self._name = name
        self._folder, _, last = name.rpartition("/")
        self._unfinished = f"{self._folder}/.{last}.{uuid4().hex}"  # hidden from who looks into the folder
        self._folder_sync = folder_sync
        self._descriptor = -1
        self.started = False

    def append(self, content: bytearray) -> None:
        if not self.started:
            self._descriptor = _create(self._unfinished, self._folder)
            self.started = True
        left = memoryview(content)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def commit(self, content: bytearray) -> None:
        self.append(content)
        os.fsync(self._descriptor)
        os.rename(self._unfinished, self._name)
        self._close()
        self._folder_sync.sync(self._folder)

    def discard(self) -> None:
        self._close()
        with suppress(FileNotFoundError):
            os.unlink(self._unfinished)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _create(path: str, folder: str) -> int:
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            # The first file of its day; or the folder's last file has just been removed, and it with it.
            _make_folder(Path(folder))


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def _try_out(storage: Path) -> None:
    _make_folder(storage)
    trial = storage / f".trial-{uuid4().hex}"
    trial.touch(mode=0o600)
    trial.unlink()


def _open(name: str) -> int:
    try:
        return os.open(name, os.O_RDONLY)
    except FileNotFoundError:
        raise MissingFile(name) from None


def _remove(name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name)
    with suppress(OSError):  # others lie there, or it is gone
        os.rmdir(name.rpartition("/")[0])
