"""What a set of databases is: a folder that never changes, with a manifest that names its files.

    <BasesPath>/av/                          the shelf of one family
        20261122T101500Z-5f3c2a10/           a set: one version of all databases of the family
            manifest.json
            ...                              its files, whatever the family is made of
        current                              a link to the set in use (`gateway/bases/shelf.py`)

The manifest is the only file that has to be trusted: it holds the digests of all others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import file_digest, sha256
from pathlib import Path

import msgspec

MANIFEST = "manifest.json"

FORMAT = 1
"""Of the manifest; who meets a higher one is too old for the set."""

LARGEST_MANIFEST = 1 << 20
"""Bytes; a set has a handful of files."""


class Family(StrEnum):
    """What is published, updated and switched together; also the name of its shelf."""

    ANTIVIRUS = "av"
    ANTISPAM = "as"


class UnusableSet(Exception):
    """The folder holds no set that can be worked with; says which file, and why."""


@dataclass(frozen=True, slots=True)
class BaseFile:
    """One file of a set."""

    name: str  # within the folder of the set
    size: int  # bytes
    sha256: str  # hex digits
    records: int = 0  # how much it knows: rules, digests, words


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a set says of itself."""

    family: Family
    version: str  # sorts by age: the moment it was made, and eight digits of what is in it
    made_at: datetime  # UTC
    files: tuple[BaseFile, ...]

    @property
    def records(self) -> int:
        """How much all its files know together."""
        return sum(file.records for file in self.files)


@dataclass(frozen=True, slots=True)
class BaseSet:
    """A set on the disk."""

    folder: Path
    manifest: Manifest


def make_manifest(family: Family, made_at: datetime, files: Iterable[BaseFile]) -> Manifest:
    """The manifest of a set with these files; the same files and moment always give the same version."""
    made_at = made_at.astimezone(UTC).replace(microsecond=0)
    listed = tuple(sorted(files, key=lambda file: file.name))
    content = sha256(msgspec.json.encode((family, listed))).hexdigest()
    return Manifest(family, f"{made_at:%Y%m%dT%H%M%SZ}-{content[:8]}", made_at, listed)


def describe_file(path: Path, records: int = 0) -> BaseFile:
    """What a manifest says of the file at `path`."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
        return BaseFile(path.name, file.tell(), digest, records)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest into the folder, which makes a set of it."""
    text = msgspec.json.format(msgspec.json.encode(_Written(FORMAT, manifest)), indent=2)
    (folder / MANIFEST).write_bytes(text + b"\n")


def open_set(folder: Path) -> BaseSet:
    """The set in `folder`, all its files compared with their digests. Raises `UnusableSet`."""
    manifest = read_manifest(folder)
    for file in manifest.files:
        path = folder / file.name
        try:
            found = describe_file(path, file.records)
        except OSError as problem:
            raise UnusableSet(f"{path}: {problem.strerror}") from problem
        if found != file:
            raise UnusableSet(f"{path}: is not the file that the manifest describes")
    return BaseSet(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """What the set in `folder` says of itself. Raises `UnusableSet`."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            return parse_manifest(file.read(LARGEST_MANIFEST), str(path))
    except OSError as problem:
        raise UnusableSet(f"{path}: {problem.strerror}") from problem


def parse_manifest(content: bytes, origin: str) -> Manifest:
    """What a set says of itself in these bytes, which `origin` has. Raises `UnusableSet`."""
    try:
        written = msgspec.json.decode(content, type=_Written)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise UnusableSet(f"{origin}: {problem}") from problem

    if written.format != FORMAT:
        raise UnusableSet(f"{origin}: has format {written.format}, and this gateway reads format {FORMAT}")
    for name in (written.set.version, *(file.name for file in written.set.files)):
        if not _is_plain(name):
            raise UnusableSet(f"{origin}: {name!r} is no plain name")
    return written.set


@dataclass(frozen=True, slots=True)
class _Written:
    """A manifest as it is written."""

    format: int
    set: Manifest


def _is_plain(name: str) -> bool:
    """Whether a name stays in its folder: it comes from outside."""
    return bool(name) and name[0] != "." and not set(name) & {"/", "\\", "\0"}
