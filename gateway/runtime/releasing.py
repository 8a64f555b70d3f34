"""Carries out what operators ordered to be released from storages, in whichever process comes first.

An order is on record before anybody hears of it, so it outlives every crash. One process claims it, carries
it out, and concludes it; while it works, it holds on to its claim. What a dead process began is begun anew
once its claim is over: mail that was published by then is on record and left out, and what is published twice
has the same ids, so the sender delivers it once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.blobs.port import Blobs
from gateway.bus.port import Bus
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Entered
from gateway.domain.mail import BodyRef
from gateway.domain.release import Site, purpose_of, released_mail
from gateway.domain.storage import StorageEntry
from gateway.records.entries import Released
from gateway.records.port import Records
from gateway.runtime import maillog
from gateway.runtime.clock import utc_now
from gateway.runtime.ids import derived_id
from gateway.runtime.lifecycle import Lifecycle
from gateway.storages.place import MissingFile
from gateway.storages.storages import Storages

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=1)
AT_ONCE = 16
"""Releases that one process carries out at a time."""

CLAIM = timedelta(seconds=15)
HOLD_EVERY = 5.0
LONGEST_RELEASE = 300.0
"""Seconds for one release, however large the message."""

MISSING = "its file was removed by hand"


@dataclass(frozen=True, slots=True)
class Releaser:
    """Carries out releases."""

    storages: Storages
    blobs: Blobs
    bus: Bus
    records: Records
    site: Site
    now: Callable[[], datetime] = utc_now

    async def release_some(self) -> int:
        """Carry out some releases, if any are ordered; how many were taken on.

        `TemporaryFailure` when it cannot be known whether any are.
        """
        now = self.now()
        until = now + CLAIM
        releases = await self.storages.entries.claim(now, until, AT_ONCE)
        if releases:
            holding = asyncio.create_task(self._hold(until))
            try:
                await asyncio.gather(*(self._try(release) for release in releases))
            finally:
                holding.cancel()
        return len(releases)

    async def _hold(self, until: datetime) -> None:
        """Hold on to a claim: who lets go of it by dying is soon followed by somebody else."""
        while True:
            await asyncio.sleep(HOLD_EVERY)
            longer = self.now() + CLAIM
            with suppress(TemporaryFailure):  # it may last until the records are back
                await self.storages.entries.hold(until, longer)
                until = longer

    async def _try(self, release: Released) -> None:
        entry = release.entry
        try:
            async with asyncio.timeout(LONGEST_RELEASE):
                await self._release(entry, checked=release.checked)
        except (TemporaryFailure, TimeoutError) as trouble:
            log.warning("%s is released from %s later: %s", entry.id, entry.storage, trouble)
        except MissingFile:
            log.error("%s cannot be released from %s: %s", entry.id, entry.storage, MISSING)
            await self._give_up(entry, MISSING)
        except Exception as fault:  # one of ours: it would be the same at each further try
            log.exception("%s cannot be released from %s", entry.id, entry.storage)
            await self._give_up(entry, f"{type(fault).__name__}: {fault}")

    async def _give_up(self, entry: StorageEntry, reason: str) -> None:
        with suppress(TemporaryFailure):  # then it is tried again, and given up again
            await self.storages.entries.failed(entry, reason)

    async def _release(self, entry: StorageEntry, *, checked: bool) -> None:
        purpose = purpose_of(entry)
        body = await self._body(entry, derived_id(entry.id, purpose))
        copies = released_mail(
            entry,
            body,
            self.site,
            self.now(),
            lambda group: derived_id(entry.id, f"{purpose} to {group}"),
            checked=checked,
        )
        for stage, mail in copies:
            if await self.records.mail(mail.id) is not None:
                continue  # published by a process that died before it could conclude
            await self.bus.publish(stage, [mail])
            await self.records.keep(Entered(mail, stage, self.now()))
            maillog.released(self.records.count, mail, entry)
        await self.storages.entries.released(entry, self.now())

    async def _body(self, entry: StorageEntry, owner_id: str) -> BodyRef:
        writer = self.blobs.create(owner_id)
        try:
            async for chunk in self.storages.message(entry):
                await writer.write(chunk)
            return await writer.commit()
        except BaseException:
            await writer.abort()
            raise


async def release_regularly(releaser: Releaser, lifecycle: Lifecycle, *, every: timedelta = EVERY) -> None:
    """Carry out what is ordered until the process stops."""
    while not lifecycle.stopping.is_set():
        try:
            taken_on = await releaser.release_some()
        except TemporaryFailure as trouble:
            log.warning("releases are put off: %s", trouble)
            taken_on = 0
        except Exception:  # a fault of ours here must not take the sender down with it
            log.exception("releasing failed, and is tried again")
            taken_on = 0
        if taken_on < AT_ONCE:
            await lifecycle.pause(every.total_seconds())
