"""Control files: commands that an operator gives by making an empty file in `ControlPath` (reference, 9.3).

The directory is looked at again and again by every process; a lock lets one of a machine do what there is to
do. What is done is deleted. Only files of root or of the gateway's own account count: whoever else can write
there commands nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import stat
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gateway.domain.errors import TemporaryFailure
from gateway.runtime.logs import one_line

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0

MOST_FILES = 100
"""Files that are looked at in one round: there are a dozen commands."""

MOST_COMPLAINTS = 1000
"""Files of which it is remembered that the log has told about them."""

Command = Callable[[], Awaitable[None]]
"""What a control file has the gateway do."""

_TEMPORARY = (TemporaryFailure, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class ControlFile:
    """A file in the directory, and who made it."""

    name: str
    status: os.stat_result

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells it from another file of that name."""
        return self.name, self.status.st_dev, self.status.st_ino, self.status.st_mtime_ns


def why_ignored(file: ControlFile, commands: Mapping[str, object], me: int) -> str:
    """Why a file commands nothing; "" when it does. `me` is the account of the gateway."""
    if file.name not in commands:
        return "there is no such command"
    if not stat.S_ISREG(file.status.st_mode):
        return "it is no file"
    if file.status.st_nlink != 1:
        return "it has other names"
    if file.status.st_uid not in (0, me):
        return f"it belongs to account {file.status.st_uid}, neither to root nor to the gateway"
    if file.status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others can write to it"
    if file.status.st_size:
        return "it is not empty"
    return ""


class ControlFiles:
    """The directory, as this process sees it."""

    def __init__(self, folder: Path, commands: Mapping[str, Command]) -> None:
        """`commands` are by the names of files."""
        self._folder = folder
        self._commands = commands
        self._told: dict[object, None] = {}  # what the log has told about, in order
        self._stuck: set[object] = set()  # was done and cannot be deleted

    async def follow(self) -> None:
        """Do what is commanded, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Do what is commanded now, in the order of the names."""
        try:
            with self._opened() as directory:
                for file in await asyncio.to_thread(lambda: tuple(self._found(directory))):
                    await self._do(directory, file)
        except (BlockingIOError, FileNotFoundError):
            return  # another process is at it, or nobody wants to command anything here
        except OSError as problem:
            self._complain(("folder", problem.errno), f"{self._folder}: {problem.strerror}")

    @contextmanager
    def _opened(self) -> Iterator[int]:
        directory = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield directory
        finally:
            os.close(directory)

    def _found(self, directory: int) -> Iterator[ControlFile]:
        found = os.fstat(directory)
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & stat.S_IWOTH:
            why = "it must belong to root or the gateway, and not everybody may write there"
            self._complain("folder", f"{self._folder}: control files are ignored: {why}")
            return
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in islice(entries, MOST_FILES))
        for name in names:
            with suppress(FileNotFoundError):  # whoever made it took it back
                yield ControlFile(name, os.stat(name, dir_fd=directory, follow_symlinks=False))

    async def _do(self, directory: int, file: ControlFile) -> None:
        if file.identity in self._stuck:
            return
        if why := why_ignored(file, self._commands, os.geteuid()):
            self._complain(file.identity, f"{self._folder}: the control file {file.name} is ignored: {why}")
            return
        try:
            await self._commands[file.name]()
        except _TEMPORARY as trouble:
            # It stays, and is tried again.
            self._complain(file.identity, f"the control file {file.name} waits: {trouble}")
            return
        except Exception:  # a fault of ours must not stop the gateway each second anew
            log.exception("the control file %s cannot be obeyed", file.name)
        else:
            log.info("the control file %s was obeyed", file.name)
        try:
            os.unlink(file.name, dir_fd=directory)
        except FileNotFoundError:
            return
        except OSError as problem:
            self._stuck.add(file.identity)
            log.error("the control file %s cannot be deleted (%s)", file.name, problem.strerror)

    def _complain(self, about: object, text: str) -> None:
        """Tell the log once."""
        if about in self._told:
            return
        self._told[about] = None
        if len(self._told) > MOST_COMPLAINTS:
            del self._told[next(iter(self._told))]
        log.warning("%s", one_line(text))
