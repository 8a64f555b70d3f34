"""Records in an SQL database: what happens to mail goes in by batches, what is asked is read at once."""

from __future__ import annotations

import secrets
import time
from base64 import b64decode
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Executable

from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Event
from gateway.domain.pipeline import Module
from gateway.domain.statistics import Counter, Peak
from gateway.records.announcements import SqlAnnouncements
from gateway.records.attempts import Attempts
from gateway.records.audit import SqlAudit
from gateway.records.behind import Pace, WriteBehind
from gateway.records.counting import Counting
from gateway.records.database import Database
from gateway.records.gauges import SqlGauges
from gateway.records.greylist import SqlGreylist
from gateway.records.history import SqlHistory
from gateway.records.lessons import SqlLessons
from gateway.records.lookups import Lookups
from gateway.records.notices import SqlNotices
from gateway.records.outages import SqlOutages
from gateway.records.port import JourneyStep, MailRecord, Queued, QueuePlace, Settled, Waiting
from gateway.records.reading import (
    ON_THE_WAY,
    Reading,
    journey_step,
    mail_record,
    place_of,
    queue_page,
    queued_of,
    settled_of,
    sums_of,
)
from gateway.records.rows import Numbered, as_json, rows_of
from gateway.records.schema import micros, moment
from gateway.records.shelves import SqlEntries
from gateway.records.usage import SqlUsage
from gateway.records.writing import Writing

PAGE = 1000
"""Mails of the queue that are read at once."""

FORGOTTEN_AT_ONCE = 200
"""Mails that are purged in one transaction: it is short, since others who write wait for it."""


class SqlRecords:
    """Records in a database."""

    def __init__(
        self,
        database: Database,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.time,
        launch: str = "",
    ) -> None:
        self.database = database
        self._attempts = Attempts(database)
        self._read, self._change = self._attempts.read, self._attempts.change
        self.outages = SqlOutages(self._attempts)
        self.greylist = SqlGreylist(database)
        self.entries = SqlEntries(database)
        self.notices = SqlNotices(database)
        self.lessons = SqlLessons(database)
        self.history = SqlHistory(self._attempts)
        self.audit = SqlAudit(database)
        self.announcements = SqlAnnouncements(database)
        self.gauges = SqlGauges(self._attempts)
        self.usage = SqlUsage(database)
        self._reading = Reading(database.dialect)
        self._writing = Writing(database.dialect)
        self._lookups = Lookups(self._settled, Settled())
        self._counting = Counting(f"{launch}/{secrets.token_urlsafe(9)}", clock)
        self._counts_are_noted = False
        self._behind = WriteBehind(self._store, pace or Pace())

    def note(self, *events: Event) -> None:
        """Write down soon, in order."""
        self._behind.note(events)

    async def keep(self, *events: Event) -> None:
        """Write down now, after all that was noted before; returns when it is stored."""
        await self._behind.keep(events)

    def count(self, counter: Counter, by: int = 1) -> None:
        """So many more; written down soon."""
        self._counting.count(counter, by)
        self._note_counts()

    def reach(self, peak: Peak, value: int) -> None:
        """There are so many now; the most of an hour is written down soon."""
        self._counting.reach(peak, value)
        self._note_counts()

    @property
    def counted(self) -> Mapping[str, int]:
        """What this process counted since it began."""
        return self._counting.totals

    async def statistics(self, launch: str = "") -> Mapping[Counter | Peak, int]:
        """What all processes counted since the records began, or those of a launch."""
        rows = await self._read(sums_of(launch) if launch else self._reading.sums)
        sums = {row.counter: row for row in rows}
        return {
            **{name: sums[name].total if name in sums else 0 for name in Counter},
            **{name: sums[name].most if name in sums else 0 for name in Peak},
        }

    async def counting_began(self) -> datetime | None:
        """The hour of the first thing that was counted."""
        (row,) = await self._read(self._reading.first_hour)
        return None if row.hour is None else datetime.fromtimestamp(row.hour, UTC)

    @property
    def ready(self) -> bool:
        """False while what was noted piles up because nothing can be stored."""
        return self._behind.ready

    async def settled(self, mail_id: str) -> Settled:
        """What became of recipients of that mail for good, and what operators said of it."""
        return await self._lookups.find(mail_id)

    async def mail(self, mail_id: str) -> MailRecord | None:
        """One mail."""
        rows = await self._read(self._reading.one_mail, {"id": mail_id})
        return mail_record(rows[0]) if rows else None

    async def queue(
        self, states: Sequence[str] = (), after: QueuePlace | None = None
    ) -> AsyncIterator[MailRecord]:
        """All mail on its way that no operator removed, parked mail too, oldest first."""
        place = after
        while True:
            page = [
                mail_record(row) for row in await self._read(queue_page(states or ON_THE_WAY, place, PAGE))
            ]
            for mail in page:
                yield mail
            if len(page) < PAGE:
                return
            place = place_of(page[-1])

    async def journey(self, mail_id: str) -> Sequence[JourneyStep]:
        """All that happened to a mail, oldest first."""
        return [journey_step(row) for row in await self._read(self._reading.steps, {"id": mail_id})]

    async def counts(self) -> Mapping[str, int]:
        """How many mails are in each state."""
        counts: defaultdict[str, int] = defaultdict(int)
        for row in await self._read(self._reading.counts):
            counts[row.state] += row.mails
        return {state: mails for state, mails in counts.items() if mails}

    async def queued(self) -> Mapping[str, Queued]:
        """The mail on its way that no operator removed, by state."""
        return queued_of(await self._read(self._reading.queued))

    async def removed(self, most: int) -> frozenset[str]:
        """Mails that an operator removed and that have not come to the sender yet, at most so many."""
        return frozenset(row.id for row in await self._read(self._reading.removed, {"most": most}))

    async def remove(self, mail_ids: Sequence[str]) -> Mapping[str, str]:
        """Mark those of the mails as removed that nobody works on: these, and the state of each."""

        def remove(connection: Connection) -> Mapping[str, str]:
            rows = connection.execute(self._writing.remove, {"ids": as_json(mail_ids)}).all()
            return {row.id: row.state for row in rows}

        return await self._attempts.do(lambda: self.database.write(remove))

    async def claim(self, mail_ids: Sequence[str], until_after: datetime) -> Sequence[Waiting]:
        """Those of the mails that wait until after that time, for the caller alone."""
        given = {"ids": as_json(mail_ids), "until_after": micros(until_after)}

        def claim(connection: Connection) -> Sequence[Waiting]:
            waiting = connection.execute(self._reading.waiting, given).all()
            ours = {row.id for row in connection.execute(self._writing.claim, given)}
            return [
                Waiting(row.id, moment(row.next_try_at), b64decode(row.deferred))
                for row in waiting
                if row.id in ours
            ]

        return await self._attempts.do(lambda: self.database.write(claim))

    async def hurry(self, generations: Mapping[str, int]) -> None:
        """Of claimed mail, only copies of at least this generation are wanted from now on."""
        wanted = [{"mail": mail, "wanted": wanted} for mail, wanted in sorted(generations.items())]
        await self._change_each(self._writing.hurry, wanted)

    async def release(self, claimed: Sequence[Waiting]) -> None:
        """Claimed mail goes on waiting after all."""
        untils = [
            {"mail": mail, "until": until} for mail, until in sorted((w.id, micros(w.until)) for w in claimed)
        ]
        await self._change_each(self._writing.release, untils)

    async def suspended(self) -> frozenset[Module]:
        """The modules that an operator suspended."""
        return frozenset(Module(row.module) for row in await self._read(self._reading.suspended))

    async def suspend(self, module: Module, *, suspended: bool) -> None:
        """Remember that a module is suspended, or no longer."""
        await self._change((self._writing.suspend, {"module": module, "suspended": suspended}))

    async def spent_bodies(self, before: datetime, limit: int) -> Sequence[str]:
        """Names of bodies all of whose mails ended before that time."""
        rows = await self._read(self._reading.spent_bodies, {"before": micros(before), "limit": limit})
        return list(dict.fromkeys(row.body for row in rows))

    async def forget_bodies(self, names: Sequence[str]) -> None:
        """The bodies are gone: do not name them again."""
        await self._change((self._writing.forget_bodies, {"names": as_json(names)}))

    async def known_bodies(self, names: Sequence[str]) -> frozenset[str]:
        """Those of `names` that some mail refers to, ended or not, unless they were forgotten."""
        rows = await self._read(self._reading.known_bodies, {"names": as_json(names)})
        return frozenset(row.body for row in rows)

    async def purge(self, before: datetime) -> int:
        """Forget mails that ended before that time, page by page, so that nobody waits long for it."""
        purged = 0
        while True:
            rows = await self._read(
                self._reading.ended_mails, {"before": micros(before), "limit": FORGOTTEN_AT_ONCE}
            )
            ids = {"ids": as_json([row.id for row in rows])}
            await self._change(*((forget, ids) for forget in self._writing.forget_mails))
            purged += len(rows)
            if len(rows) < FORGOTTEN_AT_ONCE:
                return purged

    async def close(self) -> None:
        """Write what is noted and let go of the database."""
        await self._behind.close()
        await self.database.close()

    def _note_counts(self) -> None:
        """Have counts written with the next batch, which they wait for as long as any event does."""
        if not self._counts_are_noted and self._counting.changed:
            self._counts_are_noted = True
            self._behind.note(())

    async def _store(self, batch: Sequence[Numbered]) -> None:
        rows = rows_of(batch)
        rows.counts = self._counting.rows()
        self._counts_are_noted = False
        inserts, given = self._writing.inserts(rows)
        if inserts:
            await self._attempts.do(lambda: self.database.store(inserts, given))
        self._counting.stored(rows.counts)

    async def _settled(self, mail_ids: Collection[str]) -> Mapping[str, Settled]:
        if self._behind.failing:
            # What was kept may still be in line: to answer without it could deliver twice.
            raise TemporaryFailure("records are behind")
        ids = {"ids": as_json(mail_ids)}
        return settled_of(await self._attempts.do(lambda: self.database.ask(self._reading.settled, ids)))

    async def _change_each(self, change: Executable, given: Sequence[Mapping[str, object]]) -> None:
        if given:
            await self._attempts.do(lambda: self.database.write(lambda to: to.execute(change, given)))
