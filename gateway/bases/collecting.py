"""From what a source offers to a set on this machine: of its files, only those that changed are fetched."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.bases import shelf
from gateway.bases.catalogue import (
    LARGEST_MANIFEST,
    MANIFEST,
    BaseFile,
    BaseSet,
    Family,
    Manifest,
    UnusableSet,
    describe_file,
    open_set,
    parse_manifest,
    read_manifest,
)
from gateway.bases.trust import Repository, Target, Untrusted

log = logging.getLogger(__name__)

BEGUN = ".update"
"""The folder on a shelf in which a set is put together."""

MOST_FILES = 100
"""Of one set."""

FREE_BYTES = 64 << 20
"""That stay free on the disk, whatever is fetched."""

Told = Callable[[str, int, int], None]
"""Hears of each file how much of it is here: its name, bytes here, bytes in all."""


class NoRoom(Exception):
    """The disk cannot take what would have to be fetched."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A set that a source has."""

    manifest: Manifest
    content: bytes  # the manifest as it was signed


def offered(repository: Repository, family: Family, parts: Path) -> Offer | None:
    """What the source has for a family; None when it has none.

    Raises `Untrusted` and `SourceFailed`.
    """
    target = repository.targets.get(f"{family}/{MANIFEST}")
    if target is None:
        return None
    if target.size > LARGEST_MANIFEST:
        raise Untrusted(f"{target.path} has more than {LARGEST_MANIFEST} bytes")
    part = _fetched(repository, target, parts, lambda *_: None)
    content = part.read_bytes()
    part.unlink()
    try:
        manifest = parse_manifest(content, target.path)
    except UnusableSet as problem:
        raise Untrusted(str(problem)) from problem
    if manifest.family is not family:
        raise Untrusted(f"{target.path}: is for {manifest.family}, not for {family}")
    return Offer(manifest, content)


def collect(repository: Repository, offer: Offer, place: Path, parts: Path, told: Told) -> BaseSet:
    """Put the set together on the shelf `place`, in a folder that nobody looks at.

    Raises `Untrusted`, `SourceFailed` and `NoRoom`; what was fetched until then is not fetched again.
    """
    wanted = dict(_targets(repository, offer.manifest))
    made = place / BEGUN
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for file, target in wanted.items():
        if here := _at_hand(place, file):
            log.debug("%s: is here already", target.path)
            _share(here, made / file.name)
            continue
        _require_room(place, parts, target.size)
        # It stays among the parts until the set is in use: another try does not fetch it again.
        _share(_fetched(repository, target, parts, told), made / file.name)
    (made / MANIFEST).write_bytes(offer.content)
    try:
        return open_set(made)
    except UnusableSet as problem:
        raise Untrusted(str(problem)) from problem


def _targets(repository: Repository, manifest: Manifest) -> Iterator[tuple[BaseFile, Target]]:
    """What was signed for each file of the set: the same as its manifest says."""
    if len(manifest.files) > MOST_FILES:
        raise Untrusted(f"the set {manifest.version} has more than {MOST_FILES} files")
    for file in manifest.files:
        target = repository.targets.get(f"{manifest.family}/{file.name}")
        if target is None or (target.size, target.sha256) != (file.size, file.sha256):
            raise Untrusted(f"{manifest.family}/{file.name}: is not what the manifest describes")
        yield file, target


def _fetched(repository: Repository, target: Target, parts: Path, told: Told) -> Path:
    parts.mkdir(parents=True, exist_ok=True)
    part = parts / f"{target.sha256}.part"
    repository.fetch(target, part, lambda have: told(target.path, have, target.size))
    return part


def _at_hand(place: Path, wanted: BaseFile) -> Path | None:
    """The same file in a set that is here."""
    for version in reversed(shelf.versions(place)):
        try:
            files = read_manifest(place / version).files
        except UnusableSet:
            continue
        for file in files:
            path = place / version / file.name
            same = (file.size, file.sha256) == (wanted.size, wanted.sha256)
            # Compared anew: what was damaged on the disk must not go on into the next set.
            if same and path.is_file() and describe_file(path, file.records) == file:
                return path
    return None


def _share(here: Path, there: Path) -> None:
    """The same file under another name: sets never change."""
    try:
        os.link(here, there)
    except OSError:  # not every file system of a cluster has links
        shutil.copyfile(here, there)


def _require_room(place: Path, parts: Path, size: int) -> None:
    for folder in (place, parts):
        if shutil.disk_usage(folder).free < size + FREE_BYTES:
            raise NoRoom(f"{folder}: too little room for {size} more bytes")
