"""Sets of databases for tests: folders with a few files and their manifest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from gateway.bases import shelf
from gateway.bases.catalogue import BaseSet, Family, describe_file, make_manifest, write_manifest

MADE_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_set(
    folder: Path,
    files: Mapping[str, bytes],
    made_at: datetime = MADE_AT,
    *,
    family: Family = Family.ANTIVIRUS,
) -> BaseSet:
    """A set in `folder`; each of its files knows one thing."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    described = [describe_file(folder / name, records=1) for name in files]
    manifest = make_manifest(family, made_at, described)
    write_manifest(folder, manifest)
    return BaseSet(folder, manifest)


def a_set_in_use(place: Path, files: Mapping[str, bytes], made_at: datetime = MADE_AT) -> BaseSet:
    """A set on the shelf `place` that was switched to."""
    place.mkdir(parents=True, exist_ok=True)
    made = shelf.put(place, a_set(place / ".new", files, made_at).folder)
    shelf.switch(place, made.manifest.version)
    return made
