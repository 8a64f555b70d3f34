"""Who changed what: one record for each changing call, made before anything is changed.

So what is changed is on record even if the process dies over it. A record is added, gets its result once, and
is touched no more until its time is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import bindparam, delete, select, tuple_, update

from gateway.records.attempts import AnyRow, Attempts
from gateway.records.database import Database
from gateway.records.rows import storable
from gateway.records.schema import audit, micros, moment

LONGEST_TEXT = 2000
"""Characters that are kept of what was asked, and of what came of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """A call that changes something, or shows the content of mail."""

    id: str
    at: datetime
    who: str  # the name of the token
    role: str
    address: str  # that it came from
    action: str  # what the API calls it
    target: str  # the path and the query that were asked for
    dry_run: bool
    result: int | None = None  # HTTP status; None: it came to no end, or nobody could write that down
    detail: str = ""  # what was changed, or why it was not


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """A place in the order of the records: that of the one with this time and id."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which records are wanted; all of them, unless something is said."""

    who: str = ""
    action: str = ""
    since: datetime | None = None
    before: datetime | None = None


class AuditRecords(Protocol):
    """Remembers who did what. What is away for a while is a `TemporaryFailure`."""

    async def begin(self, record: AuditRecord) -> None:
        """Remember that something is about to be done; on stable storage when this returns."""

    async def conclude(self, record: AuditRecord) -> None:
        """Remember what came of it: `result` and `detail` of the same record, once."""

    async def page(self, wanted: AuditFilter, behind: AuditPlace | None, most: int) -> Sequence[AuditRecord]:
        """At most `most` records that are wanted, newest first, behind a place."""

    async def purge(self, before: datetime) -> None:
        """Forget what was done before that time."""


class SqlAudit:
    """The port over a database."""

    def __init__(self, database: Database) -> None:
        self._attempts = Attempts(database)
        # Done twice, it is one record: an attempt that seemed to fail may have been stored.
        self._begin = database.dialect.insert(audit).on_conflict_do_nothing()

    async def begin(self, record: AuditRecord) -> None:
        """Add a record."""
        row = {
            "at": micros(record.at),
            "id": record.id,
            "who": storable(record.who),
            "role": record.role,
            "address": record.address,
            "action": record.action,
            "target": storable(record.target[:LONGEST_TEXT]),
            "dry_run": record.dry_run,
        }
        await self._attempts.change((self._begin, row))

    async def conclude(self, record: AuditRecord) -> None:
        """Give it its result."""
        told = {
            "its_time": micros(record.at),
            "its_id": record.id,
            "result": record.result,
            "detail": storable(record.detail[:LONGEST_TEXT]),
        }
        await self._attempts.change((_CONCLUDE, told))

    async def page(self, wanted: AuditFilter, behind: AuditPlace | None, most: int) -> Sequence[AuditRecord]:
        """Some records, newest first."""
        found = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(most)
        if behind:
            found = found.where(tuple_(audit.c.at, audit.c.id) < tuple_(micros(behind.at), behind.id))
        if wanted.who:
            found = found.where(audit.c.who == storable(wanted.who))
        if wanted.action:
            found = found.where(audit.c.action == storable(wanted.action))
        if wanted.since:
            found = found.where(audit.c.at >= micros(wanted.since))
        if wanted.before:
            found = found.where(audit.c.at < micros(wanted.before))
        return [_record_of(row) for row in await self._attempts.read(found)]

    async def purge(self, before: datetime) -> None:
        """Forget old records."""
        await self._attempts.change((_PURGE, {"before": micros(before)}))


_CONCLUDE = (
    update(audit)
    .where(audit.c.at == bindparam("its_time"), audit.c.id == bindparam("its_id"), audit.c.result.is_(None))
    .values(result=bindparam("result"), detail=bindparam("detail"))
)
_PURGE = delete(audit).where(audit.c.at < bindparam("before"))


def _record_of(row: AnyRow) -> AuditRecord:
    told: dict[str, Any] = dict(row._mapping)
    return AuditRecord(**told | {"at": moment(row.at), "dry_run": bool(row.dry_run)})
