"""The sets of one family, side by side, and the link to the one in use: put there, switched, put away.

The link is replaced by one rename: whoever looks sees the old set or the new one, and both are whole. Sets
that were in use stay for a while, for who still works with them and for the way back.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gateway.bases.catalogue import BaseSet, UnusableSet, read_manifest

CURRENT = "current"

KEPT = 3
"""Sets that stay when a new one comes, the new one included."""


def versions(shelf: Path) -> tuple[str, ...]:
    """The versions of all sets that lie here, the oldest first."""
    try:
        with os.scandir(shelf) as entries:
            return tuple(sorted(entry.name for entry in entries if _is_set(entry)))
    except FileNotFoundError:
        return ()


def current_version(shelf: Path) -> str | None:
    """The version in use; None when nobody has switched to any."""
    try:
        return os.readlink(shelf / CURRENT)
    except FileNotFoundError:
        return None


def put(shelf: Path, made: Path) -> BaseSet:
    """Move the set in the folder `made` to the shelf, under its version, without switching to it.

    `made` must be on the file system of the shelf. A set of that version that is here already stays.
    """
    manifest = read_manifest(made)
    folder = shelf / manifest.version
    for path in (*made.iterdir(), made):
        _sync(path)
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(made)
    _sync(shelf)
    return BaseSet(folder, manifest)


def switch(shelf: Path, version: str) -> None:
    """From now on this version is in use. Raises `UnusableSet` when it is not here."""
    if version not in versions(shelf):
        raise UnusableSet(f"{shelf}: there is no set {version}")
    link = shelf / f".{CURRENT}-{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(version)
    link.rename(shelf / CURRENT)
    _sync(shelf)


def put_away(shelf: Path, kept: int = KEPT) -> tuple[str, ...]:
    """Remove all but the newest sets, never the one in use; the versions that went."""
    old = [version for version in versions(shelf)[:-kept] if version != current_version(shelf)]
    for version in old:
        # Under another name first: a set that is half gone must not look like one.
        going = shelf / f".gone-{version}"
        (shelf / version).rename(going)
        shutil.rmtree(going)
    return tuple(old)


def _is_set(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
