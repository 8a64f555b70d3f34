"""How long storages keep mail, and how much of it: what is over goes, the oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.config.settings import Settings
from gateway.domain.storage import StorageKind, quarantines_in_use
from gateway.records.entries import Entries, EntryFilter
from gateway.storages.storages import Storages

PAGE = 500
"""Entries that are removed at once."""

_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one storage keeps."""

    storage: str  # its path
    age: timedelta | None = None  # None: for ever
    size: int = 0  # bytes of all messages; 0: any number


def bounds_of(settings: Settings) -> tuple[Bounds, ...]:
    """The bounds of all storages that have any."""
    storages = settings.storages
    policies = settings.policies.values()
    told = (
        ([settings.incoming_archive], storages.incoming_archive_days, storages.incoming_archive_size),
        ([settings.outgoing_archive], storages.outgoing_archive_days, storages.outgoing_archive_size),
        (
            quarantines_in_use(policies, StorageKind.AV_QUARANTINE),
            storages.av_quarantine_days,
            storages.av_quarantine_size,
        ),
        (
            quarantines_in_use(policies, StorageKind.AS_QUARANTINE),
            storages.as_quarantine_days,
            storages.as_quarantine_size,
        ),
    )
    return tuple(
        Bounds(storage.path, timedelta(days=days) if days else None, size * _MB)
        for those, days, size in told
        for storage in sorted(those, key=lambda storage: storage.path)
        if storage.path and (days or size)
    )


async def prune(storages: Storages, bounds: Sequence[Bounds], now: datetime) -> int:
    """Remove what is too old or too much, and files that are left of what was removed; how many entries.

    What an operator ordered to be released stays until it is. Interrupted anywhere, it is done the next time.
    """
    removed = 0
    for bound in bounds:
        if bound.age:
            removed += await storages.entries.remove_before(bound.storage, now - bound.age)
        if bound.size:
            removed += await _remove_excess(storages.entries, bound)
    await storages.clear()
    return removed


async def _remove_excess(entries: Entries, bound: Bounds) -> int:
    excess = (await entries.holdings(bound.storage)).size - bound.size
    removed = 0
    page: list[str] = []
    if excess > 0:
        async for entry in entries.walk(bound.storage, EntryFilter()):
            if excess <= 0:
                break
            if entry.ordered_at is None:
                excess -= entry.size
                page.append(entry.id)
            if len(page) == PAGE:
                removed += await entries.remove(bound.storage, page)
                page.clear()
    return removed + await entries.remove(bound.storage, page)
