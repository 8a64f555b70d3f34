"""The register of sessions: who is inside, in all receiver processes of this machine.

A table in memory that the processes share: a count for each process, and behind them its clients. A
process writes in its own row alone, before it looks at the others, and no lock is ever waited for. A row
belongs to whoever holds a lock on its count; the system lets go of it when the process ends, however that
comes about, and the next one that finds the place full strikes the row out.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections import Counter
from contextlib import suppress
from mmap import mmap
from pathlib import Path
from typing import Self

from gateway.domain.access import Address
from gateway.domain.errors import ConfigError

ROWS = 64
"""Processes that can share a table: as many as `[gateway.processes] Receiver` allows."""

SLOTS = 1024 + 1
"""Sessions of one process: as many as `IncomingSessions` allows, and one that is about to be turned away."""

_COUNT = 8  # bytes
_CLIENT = 16  # bytes: an address of IPv6, or that of IPv4 written as one
_ROW = SLOTS * _CLIENT
_SIZE = ROWS * (_COUNT + _ROW)

_IPV4 = b"\0" * 10 + b"\xff\xff"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAME = "receivers-"


class Register:
    """One process's view of the table: its own sessions, and those of the others."""

    def __init__(self, table: mmap, row: int, lock: int = -1) -> None:
        self._table = table
        self._counts = memoryview(table)[: ROWS * _COUNT].cast("Q")
        self._row = row
        self._lock = lock  # the file that the row is held by, -1 for a table that nobody else knows
        self._inside: list[Address] = []  # by slot
        self._sessions: Counter[Address] = Counter()

    @classmethod
    def alone(cls) -> Self:
        """The register of a process that shares its ports with no other."""
        return cls(mmap(-1, _SIZE), 0)

    @classmethod
    def shared(cls, folder: Path) -> Self:
        """The register of the processes that have a table in `folder`. Raises `ConfigError`.

        The table belongs to this run of this machine: of another one that has the folder too, or of the
        time before the machine was started, nothing is known here.
        """
        path = folder / f"{_NAME}{_BOOT_ID.read_text().strip()}"
        try:
            _remove_former(folder, path)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            os.ftruncate(file, _SIZE)
            table = mmap(file, _SIZE)
            row = next((row for row in range(ROWS) if _claimed(file, row)), None)
        except OSError as problem:
            raise ConfigError(
                f"[smtpgw.path] QueuePath={folder}: receivers cannot share a file here: {problem.strerror}"
            ) from problem
        if row is None:
            raise ConfigError(f"[smtpgw.path] QueuePath={folder}: {ROWS} receivers use it already")
        register = cls(table, row, file)
        register._counts[row] = 0
        return register

    @property
    def total(self) -> int:
        """Sessions of all processes."""
        return sum(self._counts)

    @property
    def ours(self) -> int:
        """Sessions of this process."""
        return len(self._inside)

    def sessions_of(self, client: Address) -> int:
        """Sessions of one client with all processes."""
        others = (row for row, count in enumerate(self._counts) if count and row != self._row)
        return self._sessions[client] + sum(self._count(row, _key(client)) for row in others)

    def enter(self, client: Address) -> None:
        """A session of that client begins here."""
        self._write(len(self._inside), client)
        self._inside.append(client)
        self._sessions[client] += 1
        self._counts[self._row] = len(self._inside)

    def leave(self, client: Address) -> None:
        """A session of that client has ended here."""
        slot, last = self._inside.index(client), self._inside[-1]
        # The last one moves up before its old place is given up: seen in between, it counts twice.
        self._write(slot, last)
        self._inside[slot] = last
        self._inside.pop()
        self._counts[self._row] = len(self._inside)
        self._sessions[client] -= 1
        if not self._sessions[client]:
            del self._sessions[client]

    def strike_out_the_dead(self) -> bool:
        """Forget the sessions of processes that have ended; whether there were any."""
        found = False
        for row, count in enumerate(self._counts):
            if count and row != self._row and _claimed(self._lock, row):
                self._counts[row] = 0
                _release(self._lock, row)
                found = True
        return found

    def close(self) -> None:
        """Give up the row."""
        self._counts[self._row] = 0
        self._counts.release()
        self._table.close()
        if self._lock >= 0:
            os.close(self._lock)

    def _write(self, slot: int, client: Address) -> None:
        start = ROWS * _COUNT + self._row * _ROW + slot * _CLIENT
        self._table[start : start + _CLIENT] = _key(client)

    def _count(self, row: int, key: bytes) -> int:
        start = ROWS * _COUNT + row * _ROW
        inside = self._table[start : start + min(self._counts[row], SLOTS) * _CLIENT]
        count, at = 0, inside.find(key)
        while at >= 0:
            # What lies across two places is no client.
            count += at % _CLIENT == 0
            at = inside.find(key, at + 1)
        return count


def _key(client: Address) -> bytes:
    return client.packed if client.version == 6 else _IPV4 + client.packed


def _claimed(file: int, row: int) -> bool:
    """Take hold of a row that nobody holds; whether it was so."""
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _lock_of(row, fcntl.F_WRLCK))
    except OSError as problem:
        if problem.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _release(file: int, row: int) -> None:
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, _lock_of(row, fcntl.F_UNLCK))


def _lock_of(row: int, kind: int) -> bytes:
    """`struct flock` of Linux on the count of a row."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, row * _COUNT, _COUNT, 0)


def _remove_former(folder: Path, present: Path) -> None:
    """Remove the tables that nobody holds a row of: those of the time before the machine was started."""
    for path in folder.glob(f"{_NAME}*"):
        if path == present:
            continue
        with suppress(FileNotFoundError):
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if all(_claimed(file, row) for row in range(ROWS)):
                    path.unlink()
            finally:
                os.close(file)
