"""What the records are asked by who looks for mail, or follows what happens: see `HistoryRecords`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import BigInteger, ColumnElement, Select, and_, cast, func, or_, select, tuple_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from gateway.domain.address import matches_any
from gateway.domain.statistics import Counter, Peak
from gateway.records.attempts import Attempts
from gateway.records.counting import HOUR
from gateway.records.port import JourneyStep, MailRecord, QueuePlace
from gateway.records.reading import RECORD, mail_record
from gateway.records.schema import counts, events, has_message_id, mails, micros, moment

LOOKED_AT = 25_000
"""Mails that are looked at for one page: a search that finds little makes a short page, not a long wait."""

MOST_COPIES = 1000
"""Copies and notices of one message that are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which mail is looked for. What is empty does not matter; of several masks one must match."""

    senders: tuple[str, ...] = ()  # masks, the null sender is ""
    recipients: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    client_ips: tuple[str, ...] = ()
    states: frozenset[str] = frozenset()  # of `QueueState` or `Ending`, or PARKED
    message_id: str = ""  # as it is, with or without its angle brackets
    since: datetime | None = None  # arrived then or later
    until: datetime | None = None  # arrived then or earlier

    def names(self, mail: MailRecord) -> bool:
        """Whether `mail`, of whatever time and Message-ID, is meant."""
        wanted: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
            (self.senders, (mail.sender,)),
            (self.recipients, mail.recipients),
            (self.subjects, (mail.subject,)),
            (self.client_ips, (mail.client_ip,)),
        )
        if self.states and mail.state not in self.states:
            return False
        return all(not masks or any(matches_any(masks, text) for text in texts) for masks, texts in wanted)


@dataclass(frozen=True, slots=True)
class Found:
    """Some of the mail that was looked for, newest first, and where to go on; None: that was all."""

    mails: Sequence[MailRecord]
    next: QueuePlace | None


@dataclass(frozen=True, slots=True)
class StepPlace:
    """A place in the order of all events."""

    at: datetime
    mail_id: str = ""
    digest: int = -1


@dataclass(frozen=True, slots=True)
class NamedStep:
    """An event, the mail that it happened to, and its place among all events."""

    place: StepPlace
    step: JourneyStep


@dataclass(frozen=True, slots=True)
class Period:
    """What was counted from one moment on; what is missing was nought."""

    begins: datetime
    counters: Mapping[Counter | Peak, int] = field(default_factory=dict)


class HistoryRecords(Protocol):
    """Finds what was recorded. What is away for a while is a `TemporaryFailure`."""

    async def search(self, sought: Sought, behind: QueuePlace | None, most: int) -> Found:
        """At most `most` mails, newest first, behind a place; fewer when `LOOKED_AT` were looked at."""

    async def copies(self, source_id: str) -> Sequence[MailRecord]:
        """Mail that was made from another one: copies for other groups, notices, what was released."""

    async def steps(self, behind: StepPlace, until: datetime, most: int) -> Sequence[NamedStep]:
        """Events behind a place that happened by then, in the order of time."""

    async def counted(self, since: datetime, until: datetime, hours: int) -> Sequence[Period]:
        """The statistics of each period of so many hours in which anything was counted, oldest first.

        `since` and `until` are taken at whole hours.
        """


class SqlHistory:
    """The port over a database."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def search(self, sought: Sought, behind: QueuePlace | None, most: int) -> Found:
        """Some of the mail that is looked for."""
        if sought.message_id:
            return await self._by_message_id(sought, behind, most)
        window = _window(sought, behind)
        rows = await self._attempts.read(_filtered(window, sought, most))
        page = [mail_record(row) for row in rows]
        if len(page) == most:
            place: QueuePlace | None = QueuePlace(page[-1].received_at, page[-1].id)
        else:
            place = await self._end_of(window)
        return Found([mail for mail in page if sought.names(mail)], place)

    async def copies(self, source_id: str) -> Sequence[MailRecord]:
        """Mail that was made from another one, oldest first."""
        made = (
            select(*RECORD)
            .where(mails.c.source_id == source_id, mails.c.source_id != mails.c.id)
            .order_by(mails.c.received_at, mails.c.id)
            .limit(MOST_COPIES)
        )
        return [mail_record(row) for row in await self._attempts.read(made)]

    async def steps(self, behind: StepPlace, until: datetime, most: int) -> Sequence[NamedStep]:
        """Events behind a place."""
        order = (events.c.at, events.c.mail_id, events.c.digest)
        place = tuple_(micros(behind.at), behind.mail_id, behind.digest)
        found = (
            select(*order, events.c.kind, events.c.detail)
            .where(tuple_(*order) > place, events.c.at <= micros(until))
            .order_by(*order)
            .limit(most)
        )
        return [
            NamedStep(
                StepPlace(moment(at), mail_id, digest), JourneyStep(moment(at), kind, json.loads(detail))
            )
            for at, mail_id, digest, kind, detail in await self._attempts.read(found)
        ]

    async def counted(self, since: datetime, until: datetime, hours: int) -> Sequence[Period]:
        """What was counted, by periods."""
        found: dict[int, dict[Counter | Peak, int]] = {}
        for begins, name, total, most in await self._attempts.read(_sums(since, until, hours * HOUR)):
            if name in _COUNTERS:
                found.setdefault(begins, {})[Counter(name)] = total
            elif name in _PEAKS:
                found.setdefault(begins, {})[Peak(name)] = most
        return [Period(moment(begins * 1_000_000), found[begins]) for begins in sorted(found)]

    async def _by_message_id(self, sought: Sought, behind: QueuePlace | None, most: int) -> Found:
        bare = sought.message_id.strip("<> ")
        # Said in the words of the index, which SQLite would not use otherwise.
        conditions = [has_message_id, mails.c.message_id.in_((bare, f"<{bare}>")), *_times(sought, behind)]
        rows = await self._attempts.read(
            select(*RECORD)
            .where(*conditions, *_conditions(sought, mails.c))
            .order_by(*_NEWEST_FIRST)
            .limit(most)
        )
        page = [mail_record(row) for row in rows]
        whole = len(page) < most
        place = None if whole else QueuePlace(page[-1].received_at, page[-1].id)
        return Found([mail for mail in page if sought.names(mail)], place)

    async def _end_of(self, window: Select[Any]) -> QueuePlace | None:
        """The last mail that was looked at; None when there was none behind it."""
        last = window.with_only_columns(mails.c.received_at, mails.c.id).offset(LOOKED_AT - 1).limit(1)
        rows = await self._attempts.read(last)
        return QueuePlace(moment(rows[0].received_at), rows[0].id) if rows else None


_COUNTERS, _PEAKS = frozenset(Counter), frozenset(Peak)
_NEWEST_FIRST = (mails.c.received_at.desc(), mails.c.id.desc())


def _window(sought: Sought, behind: QueuePlace | None) -> Select[Any]:
    """The mails that are looked at for one page."""
    return select(*RECORD).where(*_times(sought, behind)).order_by(*_NEWEST_FIRST).limit(LOOKED_AT)


def _filtered(window: Select[Any], sought: Sought, most: int) -> Select[Any]:
    """The first mails of a window that may be meant."""
    looked_at = window.subquery()
    conditions = tuple(_conditions(sought, looked_at.c))
    if not conditions:
        return window.limit(most)
    return (
        select(*(looked_at.c[column.name] for column in RECORD))
        .where(*conditions)
        .order_by(looked_at.c.received_at.desc(), looked_at.c.id.desc())
        .limit(most)
    )


def _times(sought: Sought, behind: QueuePlace | None) -> Iterator[ColumnElement[bool]]:
    if behind:
        place = (micros(behind.received_at), behind.id)
        yield tuple_(mails.c.received_at, mails.c.id) < tuple_(*place)
    if sought.since:
        yield mails.c.received_at >= micros(sought.since)
    if sought.until:
        yield mails.c.received_at <= micros(sought.until)


def _conditions(sought: Sought, of: ReadOnlyColumnCollection[str, Any]) -> Iterator[ColumnElement[bool]]:
    """What the database can say of it: all that is meant, and a little more. `Sought.names` has the word."""
    wanted = (
        (of.sender, sought.senders, "{}"),
        (of.recipients, sought.recipients, '%"{}"%'),
        (of.subject, sought.subjects, "{}"),
        (of.client_ip, sought.client_ips, "{}"),
    )
    for column, masks, around in wanted:
        if masks:
            yield or_(*(_like(column, mask, around) for mask in masks))
    if sought.states:
        yield or_(of.state.in_(sought.states), of.removed.is_(True))


def _like(column: ColumnElement[str], mask: str, around: str) -> ColumnElement[bool]:
    pattern = "".join(_LIKE.get(char, char if char.isascii() else "%") for char in mask)
    if not mask:
        # Nobody has told yet, or there is none.
        return or_(column.is_(None), column.ilike(around.format(pattern), escape="\\"))
    return column.ilike(around.format(pattern), escape="\\")


# A character that JSON writes as several is `%`: the list of recipients is stored so.
_LIKE = {"*": "%", "?": "%", "%": "\\%", "_": "\\_", '"': "%", "\\": "%"}


def _sums(since: datetime, until: datetime, width: int) -> Select[Any]:
    """The sum of each counter in each period, and the most of any hour in it."""
    first, end = (int(at.timestamp()) // HOUR * HOUR for at in (since, until))
    hours = (
        select(counts.c.counter, counts.c.hour, func.sum(counts.c.value).label("value"))
        .where(and_(counts.c.hour >= first, counts.c.hour <= end))
        .group_by(counts.c.counter, counts.c.hour)
        .subquery()
    )
    begins = (hours.c.hour - hours.c.hour % width).label("begins")
    return select(
        begins,
        hours.c.counter,
        cast(func.sum(hours.c.value), BigInteger).label("total"),
        cast(func.max(hours.c.value), BigInteger).label("most"),
    ).group_by(begins, hours.c.counter)
