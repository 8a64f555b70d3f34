"""The statements that read, and the values that are made of what they find."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    bindparam,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from gateway.domain.journey import Answer, Ending
from gateway.domain.pipeline import QueueState
from gateway.records.attempts import AnyRow
from gateway.records.database import Dialect, Found
from gateway.records.port import PARKED, JourneyStep, MailRecord, Queued, QueuePlace, Settled
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
    of_launch,
    on_the_way,
    recipients,
)

ON_THE_WAY = (*QueueState, PARKED)

BEFORE_THE_SENDER = (QueueState.WFC, QueueState.CHK, QueueState.WFS, QueueState.SPL)

RECORD = (
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
    mails.c.removed,
    mails.c.subject,
)


class Reading:
    """What is asked, in the words of one database."""

    def __init__(self, dialect: Dialect) -> None:
        self.one_mail = select(*RECORD).where(mails.c.id == bindparam("id"))
        self.steps = (
            select(events.c.at, events.c.kind, events.c.detail)
            .where(events.c.mail_id == bindparam("id"))
            .order_by(events.c.at, events.c.number)
        )
        self.settled = _settled(dialect)
        self.counts = _counts()
        self.queued = _queued()
        self.sums = sums_of("")
        self.first_hour = select(func.min(counts.c.hour).label("hour"))
        # No plain column: by its index all mail in those states would be read, and not what was removed.
        state = mails.c.state + ""
        self.removed = (
            select(mails.c.id)
            .where(is_removed, on_the_way, state.in_(BEFORE_THE_SENDER))
            .limit(bindparam("most"))
        )
        self.waiting = select(mails.c.id, mails.c.next_try_at, mails.c.deferred).where(*waits(dialect))
        self.suspended = select(modules.c.module).where(modules.c.suspended.is_(True))
        self.spent_bodies = _spent_bodies()
        self.known_bodies = select(mails.c.body).where(mails.c.body.in_(dialect.members("names")))
        self.ended_mails = (
            select(mails.c.id)
            .where(has_ended, mails.c.ended_at < bindparam("before"))
            .order_by(mails.c.ended_at)
            .limit(bindparam("limit"))
        )


def waits(dialect: Dialect) -> Sequence[ColumnElement[bool]]:
    """That a mail of those named `ids` waits for a try later than `until_after`."""
    return (
        mails.c.id.in_(dialect.members("ids")),
        mails.c.state == QueueState.QUE,
        mails.c.next_try_at > bindparam("until_after"),
        mails.c.deferred.is_not(None),
        mails.c.removed.is_(False),
    )


def queue_page(states: Sequence[str], after: QueuePlace | None, size: int) -> CompoundSelect[Any]:
    """The next mails on their way behind `after`, oldest first.

    Each state is a run of the index of its own: a page costs the same however many mails there are.
    """
    place = (micros(after.received_at), after.id) if after else (-1, "")
    runs = (
        select(*RECORD)
        .where(
            mails.c.state == state,
            on_the_way,
            mails.c.removed.is_(False),
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
    (*described, received_at, state, state_at, next_try_at, attempts, reason, removed, subject) = row
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
        state=Ending.REMOVED if removed and state in ON_THE_WAY else state,
        state_at=moment(state_at),
        # A deferral is over when the mail was seen again after its time, whatever process told so.
        next_try_at=moment(next_try_at) if next_try_at and next_try_at > state_at else None,
        attempts=attempts or 0,
        reason=reason or "",
        subject=subject or "",
    )


def queued_of(rows: Sequence[AnyRow]) -> Mapping[str, Queued]:
    """What the rows of `Reading.queued` come to."""
    numbers = Counter[str]()
    for row in rows:
        numbers[row.state] += row.mails
    oldest = {row.state: moment(row.received_at) for row in rows if row.received_at is not None}
    return {state: Queued(numbers[state], oldest_at) for state, oldest_at in oldest.items()}


def settled_of(rows: Found) -> Mapping[str, Settled]:
    """What rows of `Reading.settled` say of each mail."""
    answers: dict[str, dict[str, Answer]] = {}
    orders: dict[str, tuple[int, bool]] = {}
    for mail_id, address, answer, generation, removed in rows:
        if address is None:
            orders[mail_id] = generation, bool(removed)
        else:
            answers.setdefault(mail_id, {})[address] = Answer(answer)
    return {
        mail_id: Settled(answers.get(mail_id, {}), *orders.get(mail_id, ()))
        for mail_id in answers.keys() | orders.keys()
    }


def place_of(mail: MailRecord) -> QueuePlace:
    """Where a mail stands in the order of the queue."""
    return QueuePlace(mail.received_at, mail.id)


def journey_step(row: AnyRow) -> JourneyStep:
    """One step, of a row of `Reading.steps`."""
    at, kind, detail = row
    return JourneyStep(moment(at), kind, json.loads(detail))


def _settled(dialect: Dialect) -> CompoundSelect[Any]:
    """Rows of two kinds: a recipient with his final answer, and what operators said of a mail."""
    given_ids = dialect.members("ids")
    return union_all(
        select(
            recipients.c.mail_id,
            recipients.c.address,
            recipients.c.answer,
            literal_column("0").label("generation"),
            false().label("removed"),
        ).where(recipients.c.mail_id.in_(given_ids), recipients.c.answer != Answer.LATER),
        select(mails.c.id, null(), null(), mails.c.generation, mails.c.removed).where(
            mails.c.id.in_(given_ids), or_(is_hurried, is_removed)
        ),
    )


def _counts() -> CompoundSelect[Any]:
    """How many mails are in each state. Those that were removed are not where they will be met."""
    mails_in = func.count().label("mails")
    removed = select(mails.c.state).where(is_removed, on_the_way)
    return union_all(
        select(mails.c.state, mails_in).where(on_the_way).group_by(mails.c.state),
        select(mails.c.state, mails_in).where(has_ended).group_by(mails.c.state),
        removed.add_columns(-mails_in).group_by(mails.c.state),
        select(literal(Ending.REMOVED.value), mails_in).where(is_removed, on_the_way),
    )


def _queued() -> CompoundSelect[Any]:
    """How many mails are on the way in each state, and the oldest of it: the first of a run of the index."""
    mails_in = func.count().label("mails")
    firsts = (
        select(mails.c.state, literal_column("0").label("mails"), mails.c.received_at)
        .where(mails.c.state == state, on_the_way, mails.c.removed.is_(False))
        .order_by(mails.c.received_at, mails.c.id)
        .limit(1)
        .subquery()
        for state in ON_THE_WAY
    )
    return union_all(
        *(select(first) for first in firsts),
        select(mails.c.state, mails_in, null()).where(on_the_way).group_by(mails.c.state),
        select(mails.c.state, -mails_in, null()).where(is_removed, on_the_way).group_by(mails.c.state),
    )


def sums_of(launch: str) -> Select[Any]:
    """The sum of each counter, and the most of any hour, of all processes or those of a launch."""
    hours = (
        select(counts.c.counter, func.sum(counts.c.value).label("value"))
        .where(of_launch(counts.c.source, launch) if launch else true())
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
