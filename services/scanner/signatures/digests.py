"""Digests of contents that are known threats, as a file that is looked into without being read.

    16 bytes   `MWDIGESTS1` and blanks
     4         number of digests
     4         number of names
    32 each    SHA-256 digests, in order
     4 each    number of the name of each digest
    ...        names in UTF-8, each ended by a line feed

Numbers are big-endian. Processes that have the file open share its pages.
"""

from __future__ import annotations

import mmap
import re
import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway.bases.catalogue import UnusableSet
from gateway.bases.source import BadSource
from services.scanner.signatures.source import THREAT_NAME

DIGEST_BYTES = 32

_MAGIC = b"MWDIGESTS1".ljust(16)
_HEAD = struct.Struct(">16sII")
_NUMBER = struct.Struct(">I")
_LINE = re.compile(rf"([0-9a-fA-F]{{64}})[ \t]+({THREAT_NAME})(?:[ \t]+#.*)?\Z")


class Digests:
    """The digests of one file. `UnusableSet` when it is none of ours."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                raise UnusableSet(f"{path}: is no list of digests")
            self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        magic, count, names = _HEAD.unpack(head)
        self._count: int = count
        self._numbers = _HEAD.size + count * DIGEST_BYTES
        self._names = (
            self._file[self._numbers + count * _NUMBER.size :].decode("utf-8", "replace").splitlines()
        )
        if magic != _MAGIC or len(self._names) != names:
            raise UnusableSet(f"{path}: is no list of digests")

    def __len__(self) -> int:
        return self._count

    def threat(self, digest: bytes) -> str | None:
        """What the content with that digest is known as; None when it is not known."""
        place = bisect_left(range(self._count), digest, key=self._digest)
        if place == self._count or self._digest(place) != digest:
            return None
        start = self._numbers + place * _NUMBER.size
        return self._names[int.from_bytes(self._file[start : start + _NUMBER.size], "big")]

    def _digest(self, place: int) -> bytes:
        start = _HEAD.size + place * DIGEST_BYTES
        return self._file[start : start + DIGEST_BYTES]


def write_digests(path: Path, threats: Mapping[bytes, str]) -> None:
    """Make a file of digests and the names of the threats that they stand for."""
    names = sorted(set(threats.values()))
    number_of = {name: number for number, name in enumerate(names)}
    ordered = sorted(threats)
    path.write_bytes(
        _HEAD.pack(_MAGIC, len(ordered), len(names))
        + b"".join(ordered)
        + b"".join(_NUMBER.pack(number_of[threats[digest]]) for digest in ordered)
        + "".join(f"{name}\n" for name in names).encode()
    )


def parse_digests(lines: Iterable[str], origin: str) -> dict[bytes, str]:
    """The digests of a source: on each line one in hex and the name of its threat, comments behind `#`."""
    threats: dict[bytes, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.match(line.strip())
        if not found:
            raise BadSource(
                f"{origin}, line {number}: a line is a SHA-256 digest in hex and a name without blanks"
            )
        threats[bytes.fromhex(found[1])] = found[2]
    return threats
