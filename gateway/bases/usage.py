"""Which databases are in use, as every process can tell: what updates them is not needed for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.bases import shelf
from gateway.bases.catalogue import Family, UnusableSet, read_manifest


@dataclass(frozen=True, slots=True)
class BasesStatus:
    """The set of a family that all processes work with, or turn to within seconds."""

    family: Family
    version: str
    made_at: datetime | None  # None: its manifest cannot be read
    records: int


def status_of_bases(place: Path) -> tuple[BasesStatus, ...]:
    """What is in use of each family; nothing of one whose databases are those that came with the gateway."""
    found = ((family, shelf.current_version(place / family)) for family in Family)
    return tuple(_status(place, family, version) for family, version in found if version)


def _status(place: Path, family: Family, version: str) -> BasesStatus:
    try:
        manifest = read_manifest(place / family / version)
    except UnusableSet:
        return BasesStatus(family, version, None, 0)
    return BasesStatus(family, manifest.version, manifest.made_at, manifest.records)
