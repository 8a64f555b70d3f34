"""iChecker: which engine has found which content clean, with which databases (manual, chapter 6.1.1).

A table in a file, shared by all processes and kept over restarts. What stands in it are digests of all that
an answer depends on: the content, the engine, and the edition of its databases. With new databases the same
content has another digest, so nothing in the table can stand for an answer that they have not given; there
is nothing to delete, and old entries are overwritten in time.

Processes read and write without locks. A place that two of them write at once may hold a mixture, which is
nobody's digest.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
from hashlib import sha256
from pathlib import Path

from gateway.domain.errors import ConfigError
from gateway.domain.mime import Part
from gateway.domain.readings import names
from gateway.version import VERSION
from services.scanner.objects.walking import Opening

log = logging.getLogger(__name__)

ENTRY_BYTES = 32
ENTRIES_IN_A_BUCKET = 8

_HEAD = struct.Struct(">8sQ")
_MAGIC = b"ICHECK1\n"
_BUCKET_BYTES = ENTRY_BYTES * ENTRIES_IN_A_BUCKET
_FIRST_BUCKET = 4096  # so that no bucket lies on two pages


class IChecker:
    """The table. A disk that does not do its part costs scans, and nothing else."""

    def __init__(self, descriptor: int, buckets: int) -> None:
        """Own an open file; `IChecker.open` finds or makes it."""
        self._descriptor = descriptor
        self._buckets = buckets
        self._troubled = False

    @classmethod
    def open(cls, path: Path, entries: int) -> IChecker:
        """The table at `path` with room for so many entries, made new when it has another size.

        Raises `ConfigError` when that cannot be, or when something else lies there.
        """
        buckets = -(-entries // ENTRIES_IN_A_BUCKET)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _prepare(descriptor, buckets)
        except OSError as problem:
            raise ConfigError(
                f"{path}: cannot be used for iChecker ({problem.strerror}): make it writable, name another"
                " file in ICheckerDBFilename, or switch UseIChecker off"
            ) from problem
        except ValueError as problem:
            raise ConfigError(
                f"{path}: is no file of iChecker: remove it, or name another one in ICheckerDBFilename"
            ) from problem
        return cls(descriptor, buckets)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def knows(self, engine: str, edition: str, mark: bytes) -> bool:
        """Whether that engine found what has this mark clean with that edition of its databases."""
        key = _key(engine, edition, mark)
        return self._read(self._place(key)).find(key) % ENTRY_BYTES == 0

    def remember(self, engine: str, edition: str, mark: bytes) -> None:
        """From now on it is known; what was remembered longest ago in its bucket may not be any more."""
        key = _key(engine, edition, mark)
        place = self._place(key)
        known = self._read(place)
        if known.find(key) % ENTRY_BYTES:
            self._write(place, key + known[:-ENTRY_BYTES])

    def _place(self, key: bytes) -> int:
        return _FIRST_BUCKET + int.from_bytes(key[:8], "big") % self._buckets * _BUCKET_BYTES

    def _read(self, place: int) -> bytes:
        try:
            found = os.pread(self._descriptor, _BUCKET_BYTES, place)
        except OSError as problem:
            self._tell(problem)
            found = b""
        return found.ljust(_BUCKET_BYTES, b"\0")

    def _write(self, place: int, bucket: bytes) -> None:
        try:
            os.pwrite(self._descriptor, bucket, place)
        except OSError as problem:
            self._tell(problem)

    def _tell(self, problem: OSError) -> None:
        """Say it once: what happens at each object would fill the log."""
        if not self._troubled:
            log.warning("iChecker cannot use its file (%s): objects are scanned again", problem.strerror)
        self._troubled = True


def mark_of(part: Part, message: bytes, opening: Opening) -> bytes:
    """Stands for all of a part that engines see, and for how far they see into it.

    That is the content as it stands in the message, so that nobody has to decode it. A part that is encoded
    otherwise has another mark, and is scanned once more.
    """
    known_as = names(part, message) if part.name or not part.clear else ()
    said = repr((part.content_type, part.encoding, known_as, opening)).encode()
    mark = sha256(len(said).to_bytes(4, "big") + said)
    mark.update(memoryview(message)[part.body : part.end])
    return mark.digest()


def _key(engine: str, edition: str, mark: bytes) -> bytes:
    # The gateway's own version counts too: it may read the same part, or the same answer, in another way.
    return sha256(f"{VERSION}\0{engine}\0{edition}\0".encode() + mark).digest()


def _prepare(descriptor: int, buckets: int) -> None:
    """Make an empty file, or one of another size, a table. Raises `ValueError` when it is something else."""
    head, size = _HEAD.pack(_MAGIC, buckets), _FIRST_BUCKET + buckets * _BUCKET_BYTES
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        found = os.pread(descriptor, _HEAD.size, 0)
        if found and not found.startswith(_MAGIC):
            raise ValueError("not a table")
        if found != head or os.fstat(descriptor).st_size != size:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, head, 0)
            os.ftruncate(descriptor, size)
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
