"""Storages in memory: what was kept is there to be looked at."""

from __future__ import annotations

import collections
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from gateway.blobs.port import Blobs
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Event, Stored
from gateway.domain.statistics import Counter
from gateway.domain.storage import StorageEntry
from gateway.records.entries import Entries
from gateway.storages.memory import MemoryPlace
from gateway.storages.storages import Storages


class SwitchablePlace(MemoryPlace):
    """A place that can be full."""

    full = False

    async def write(self, name: str, pieces: AsyncIterator[bytes], size: int) -> None:
        if self.full:
            raise TemporaryFailure("no room")
        await super().write(name, pieces, size)


@dataclass
class Shelf:
    """What a part of the gateway has kept, in the order in which it came."""

    place: SwitchablePlace = field(default_factory=SwitchablePlace)
    kept: list[StorageEntry] = field(default_factory=list)
    counted: collections.Counter[str] = field(default_factory=collections.Counter)

    def storages(self, blobs: Blobs) -> Storages:
        """Storages that keep things here."""
        return Storages(self.place, blobs, self)

    def message(self, entry: StorageEntry) -> bytes:
        """The bytes of one of them."""
        return self.place.files[entry.name][entry.preface :]

    @property
    def entries(self) -> Entries:
        raise NotImplementedError("who keeps a copy does not ask for it")

    async def keep(self, *events: Event) -> None:
        self.kept += (event.entry for event in events if isinstance(event, Stored))

    def count(self, counter: Counter, by: int = 1) -> None:
        self.counted[counter] += by
