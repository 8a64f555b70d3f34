"""A directory that serves others: all that a source has, in the structure of an update server.

Files of databases come first and the timestamp last, each by a rename, so whoever asks meanwhile sees the old
state or the new one, whole. What nobody can ask for any more goes when the next version comes.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from gateway.bases.collecting import Told
from gateway.bases.fetching import NotThere
from gateway.bases.trust import LARGEST_METADATA, METADATA, TARGETS, Repository, Target

log = logging.getLogger(__name__)

_HELD = ".held"
"""The places of files that belong to the metadata of before: whoever read that may still ask for them."""


def mirror_to(folder: Path, repository: Repository, told: Told) -> int:
    """Bring `folder` up to what the source of `repository` has; how many files are new.

    Raises `SourceFailed` and `Untrusted`.
    """
    copied = _copy_targets(folder, repository, told) + _copy_metadata(folder, repository)
    if copied:
        _clear(folder, repository)
    log.info("%s: %d files are new", folder, copied)
    return copied


def _copy_targets(folder: Path, repository: Repository, told: Told) -> int:
    copied = 0
    for target in repository.targets.values():
        place = folder / target.place
        if place.is_file() and place.stat().st_size == target.size:
            continue
        _copy_target(target, place, repository, told)
        copied += 1
    return copied


def _copy_target(target: Target, place: Path, repository: Repository, told: Told) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.part")
    repository.fetch(target, part, lambda have: told(target.path, have, target.size))
    _put(part, place)


def _copy_metadata(folder: Path, repository: Repository) -> int:
    copied = 0
    place = folder / METADATA
    place.mkdir(parents=True, exist_ok=True)
    files = list(repository.metadata())
    first = int(files[0][0].partition(".")[0])
    for number in range(1, first):
        # Roots older than the one we began with, for older versions: they know themselves what to believe.
        name = f"{number}.root.json"
        if (place / name).exists():
            continue
        try:
            content = repository.source.read(f"{METADATA}/{name}", LARGEST_METADATA)
        except NotThere:
            continue
        _write(content, place / name)
    for name, path in files:
        content = path.read_bytes()
        if not (place / name).exists() or (place / name).read_bytes() != content:
            _write(content, place / name)
            copied += 1
    return copied


def _clear(folder: Path, repository: Repository) -> None:
    """Remove files that neither this state nor the one before needs."""
    wanted = {target.place for target in repository.targets.values()}
    held_file = folder / TARGETS / _HELD
    held = set(held_file.read_text(encoding="utf-8").splitlines()) if held_file.exists() else set()
    for path in (folder / TARGETS).rglob("*"):
        place = path.relative_to(folder).as_posix()
        if path.is_file() and path != held_file and place not in wanted | held:
            path.unlink()
    _write("".join(f"{place}\n" for place in sorted(wanted)).encode(), held_file)


def _write(content: bytes, place: Path) -> None:
    part = place.with_name(f".{place.name}.part")
    part.write_bytes(content)
    _put(part, place)


def _put(part: Path, place: Path) -> None:
    """Under its name, whole, also after a power failure."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    shutil.move(part, place)
