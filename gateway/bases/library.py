"""The databases that a process works with, kept up with the set in use by `follow`.

There is never a moment without databases: a new set is read while the old one goes on, and takes its place
in one assignment. A set that cannot be used, or that the licence does not cover, changes nothing but the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Generic, TypeVar

from gateway.bases import shelf
from gateway.bases.catalogue import BaseSet, Manifest, UnusableSet, open_set, read_manifest
from gateway.domain.errors import ConfigError

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at the link; a look is one system call."""

T = TypeVar("T")


class NoBases(ConfigError):
    """There are databases, and none that can be used."""


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """A set in memory."""

    source: BaseSet
    content: T

    @property
    def manifest(self) -> Manifest:
        """What the set says of itself."""
        return self.source.manifest


class Library(Generic[T]):
    """One family of databases, in this process."""

    def __init__(
        self,
        place: Path,
        shipped: Path,
        load: Callable[[BaseSet], T],
        *,
        permits: Callable[[date], bool] = lambda _: True,
    ) -> None:
        """`place` is the shelf, `shipped` the set for as long as the shelf has none that is permitted.

        `load` makes of a set whose files are as they should be what this process works with, in a thread
        of its own. What it cannot use, it calls `UnusableSet`. `permits` says whether databases made on that
        day may be used; when the answer changes, the next look has its effect.
        """
        self._place = place
        self._permits = permits
        self._not_permitted: str | None = None  # a version that waits for another licence
        self._shipped = shipped
        self._load = load
        self._loaded: Loaded[T] | None = None
        self._seen: str | None = None  # the version that was tried last

    @property
    def current(self) -> Loaded[T]:
        """What is in use now. Work that takes a while holds on to what it began with."""
        assert self._loaded, "the library was not opened"  # noqa: S101 - a mistake of ours, not of anybody outside
        return self._loaded

    async def open(self) -> None:
        """Read the set in use, or the newest that can be used when that one cannot.

        Raises `NoBases` when there are sets and none of them can be used: to go on with less than the
        operator has would leave mail unprotected in silence.
        """
        self._seen = shelf.current_version(self._place)
        candidates = self._candidates()
        for folder in candidates:
            if await self._take(folder):
                return
        if not candidates and await self._take(self._shipped):
            log.warning(
                "%s: no databases %s, those that came with the gateway are used",
                self._place,
                "that the licence covers" if self._not_permitted else "yet",
            )
            return
        raise NoBases(f"{self._place}: no set of databases here can be used; the log says why")

    async def follow(self, reloaded: Callable[[], int] = lambda: 0) -> None:
        """Take over each set that is switched to, until cancelled.

        `reloaded` says how often an operator wanted the set in use to be read anew: it is, when that rises.
        """
        done = reloaded()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if (wanted := reloaded()) != done:
                done, self._seen = wanted, None
            await self.look()

    async def look(self) -> bool:
        """Take over the set in use now, if it is another one; True when there is something new."""
        try:
            version = shelf.current_version(self._place)
        except OSError as problem:
            log.warning("%s: cannot be looked at (%s), the databases stay", self._place, problem.strerror)
            return False
        if version is None or version == self._seen:
            return False
        if not self._is_permitted(version):
            return False
        self._seen = version
        return await self._take(self._place / version)

    def _candidates(self) -> tuple[Path, ...]:
        """The set in use, then the others from the newest on; none that the licence does not cover."""
        others = [version for version in reversed(shelf.versions(self._place)) if version != self._seen]
        all_of_them = ([self._seen] if self._seen else []) + others
        permitted = [version for version in all_of_them if self._is_permitted(version)]
        if self._seen not in permitted:
            self._seen = None
        return tuple(self._place / version for version in permitted)

    def _is_permitted(self, version: str) -> bool:
        """Whether the licence covers that version; when it does not, that is told once."""
        try:
            made_on = read_manifest(self._place / version).made_at.date()
        except UnusableSet:
            return True  # whoever reads it will say what is wrong
        if self._permits(made_on):
            return True
        if version != self._not_permitted:
            self._not_permitted = version
            log.error("databases %s are not used: they were made after the licence ended", version)
        return False

    async def _take(self, folder: Path) -> bool:
        try:
            loaded = await asyncio.to_thread(self._read, folder)
        except (UnusableSet, OSError) as problem:
            log.error("databases cannot be used: %s", problem)
            return False
        self._loaded = loaded
        manifest = loaded.manifest
        log.info("databases %s: %s, %d records", manifest.family, manifest.version, manifest.records)
        return True

    def _read(self, folder: Path) -> Loaded[T]:
        found = open_set(folder)
        return Loaded(found, self._load(found))
