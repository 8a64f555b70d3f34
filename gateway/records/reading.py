"""The statements that read, and the values that are made of what they find."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Select,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
    tuple_,
    union_all,
)

from gateway.domain.journey import Answer
from gateway.domain.pipeline import QueueState
from gateway.records.attempts import AnyRow
from gateway.records.database import Dialect
from gateway.records.port import PARKED, JourneyStep, MailRecord, QueuePlace
from gateway.records.schema import (
    counts,
    events,
    has_body,
    has_ended,
    is_hurried,
    is_removed,
    mails,
    micros,
    modules,
    moment,
    on_the_way,
    recipients,
)

ON_THE_WAY = (*QueueState, PARKED)

_RECORD = (
    mails.c.id,
    mails.c.source_id,
    mails.c.group_name,
    mails.c.sender,
    mails.c.recipients,
    mails.c.client_ip,
    mails.c.message_id,
    mails.c.size,
    mails.c.received_at,
    mails.c.state,
    mails.c.state_at,
    mails.c.next_try_at,
    mails.c.attempts,
    mails.c.reason,
)


class Reading:
    """What is asked, in the words of one database."""

    def __init__(self, dialect: Dialect) -> None:
        self.one_mail = select(*_RECORD).where(mails.c.id == bindparam("id"))
        self.steps = (
            select(events.c.at, events.c.kind, events.c.detail)
            .where(events.c.mail_id == bindparam("id"))
            .order_by(events.c.at, events.c.number)
        )
        self.answered = select(recipients.c.mail_id, recipients.c.address).where(
            recipients.c.mail_id.in_(dialect.members("ids")), recipients.c.answer != Answer.LATER
        )
        self.counts = union_all(
            select(mails.c.state, func.count().label("mails")).where(on_the_way).group_by(mails.c.state),
            select(mails.c.state, func.count().label("mails")).where(has_ended).group_by(mails.c.state),
        )
        self.sums = _sums()
        self.removed = select(mails.c.id).where(is_removed, on_the_way)
        # Of ended mail too: its older copy may still lie in a waiting room.
        self.generations = select(mails.c.id, mails.c.generation).where(is_hurried)
        self.suspended = select(modules.c.module).where(modules.c.suspended.is_(True))
        self.spent_bodies = _spent_bodies()
        self.known_bodies = select(mails.c.body).where(mails.c.body.in_(dialect.members("names")))
        self.ended_mails = (
            select(mails.c.id)
            .where(has_ended, mails.c.ended_at < bindparam("before"))
            .order_by(mails.c.ended_at)
            .limit(bindparam("limit"))
        )


def queue_page(states: Sequence[str], after: QueuePlace | None, size: int) -> CompoundSelect[Any]:
    """The next mails on their way behind `after`, oldest first.

    Each state is a run of the index of its own: a page costs the same however many mails there are.
    """
    place = (micros(after.received_at), after.id) if after else (-1, "")
    runs = (
        select(*_RECORD)
        .where(
            mails.c.state == state,
            on_the_way,
            tuple_(mails.c.received_at, mails.c.id) > tuple_(*place),
        )
        .order_by(mails.c.received_at, mails.c.id)
        .limit(size)
        .subquery()
        for state in states
    )
    return union_all(*(select(run) for run in runs)).order_by("received_at", "id").limit(size)


def mail_record(row: AnyRow) -> MailRecord:
    """A mail, of a row of the columns that are read of it."""
    (*described, received_at, state, state_at, next_try_at, attempts, reason) = row
    mail_id, source_id, group, sender, addresses, client_ip, message_id, size = described
    return MailRecord(
        id=mail_id,
        source_id=source_id or "",
        group=group or "",
        sender=sender or "",
        recipients=tuple(json.loads(addresses or "[]")),
        client_ip=client_ip or "",
        message_id=message_id or "",
        size=size or 0,
        received_at=moment(received_at),
        state=state,
        state_at=moment(state_at),
        # A deferral is over when the mail was seen again after its time, whatever process told so.
        next_try_at=moment(next_try_at) if next_try_at and next_try_at > state_at else None,
        attempts=attempts or 0,
        reason=reason or "",
    )


def place_of(mail: MailRecord) -> QueuePlace:
    """Where a mail stands in the order of the queue."""
    return QueuePlace(mail.received_at, mail.id)


def journey_step(row: AnyRow) -> JourneyStep:
    """One step, of a row of `Reading.steps`."""
    at, kind, detail = row
    return JourneyStep(moment(at), kind, json.loads(detail))


def _sums() -> Select[Any]:
    """The sum of each counter, and the most of any hour."""
    hours = (
        select(counts.c.counter, func.sum(counts.c.value).label("value"))
        .group_by(counts.c.counter, counts.c.hour)
        .subquery()
    )
    return select(
        hours.c.counter,
        cast(func.sum(hours.c.value), BigInteger).label("total"),
        cast(func.max(hours.c.value), BigInteger).label("most"),
    ).group_by(hours.c.counter)


def _spent_bodies() -> Select[Any]:
    """Bodies of ended mail that no other mail needs, those of the longest ended first."""
    other = mails.alias()
    still_needed = exists().where(
        other.c.body == mails.c.body,
        or_(other.c.ended_at.is_(None), other.c.ended_at >= bindparam("before")),
    )
    return (
        select(mails.c.body)
        .where(has_ended, has_body, mails.c.ended_at < bindparam("before"), ~still_needed)
        .order_by(mails.c.ended_at)
        .limit(bindparam("limit"))
    )
