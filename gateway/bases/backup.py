"""The databases of before: a copy of the set in use, alone on a shelf of its own, and the way back to it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from gateway.bases import shelf
from gateway.bases.catalogue import UnusableSet, open_set
from gateway.bases.collecting import BEGUN

log = logging.getLogger(__name__)


def back_up(place: Path, backup: Path) -> None:
    """Have a copy of the set in use on the shelf `place` as the one set of the shelf `backup`."""
    version = shelf.current_version(place)
    if version is None or shelf.current_version(backup) == version:
        return
    try:
        put_copy(place / version, backup)
    except UnusableSet as problem:
        log.warning("the databases in use are not whole, and are not backed up: %s", problem)
        return
    shelf.switch(backup, version)
    shelf.put_away(backup, kept=1)


def restore(place: Path, backup: Path, version: str) -> None:
    """Back to `version` after a switch that went wrong; "" is the time before there was any. Never raises."""
    try:
        if not version:
            (place / shelf.CURRENT).unlink(missing_ok=True)
            return
        try:
            open_set(place / version)
        except UnusableSet:
            shutil.rmtree(place / version, ignore_errors=True)
            put_copy(backup / version, place)
        shelf.switch(place, version)
    except (OSError, UnusableSet) as problem:
        log.critical("the databases %s cannot be restored: %s", version, problem)


def put_copy(made: Path, place: Path) -> None:
    """Put a copy of a set on a shelf. Raises `UnusableSet` when the set, or the copy, is not whole."""
    begun = place / BEGUN
    shutil.rmtree(begun, ignore_errors=True)
    place.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made, begun)
    open_set(begun)
    shelf.put(place, begun)
