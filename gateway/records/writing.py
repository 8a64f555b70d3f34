"""The statements that write rows, so that what is stored is the same whatever came first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Column,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    tuple_,
    update,
)

from gateway.domain.journey import Answer
from gateway.domain.pipeline import REMOVABLE
from gateway.records.database import Dialect, Insert
from gateway.records.reading import waits
from gateway.records.rows import Rows, as_json
from gateway.records.schema import (
    DESCRIPTION,
    STATE,
    counts,
    entries,
    events,
    mails,
    modules,
    recipients,
)

_LAST_KNOWN = ("next_try_at", "attempts", "reason")
"""A state that does not tell these leaves them as they are."""


class Writing:
    """Writes rows, and what operators say, in the words of one database."""

    def __init__(self, dialect: Dialect) -> None:
        self.tell = _tell(dialect)
        self.answer = _answer(dialect)
        self.add_step = _insert_all(dialect, events, events.c).on_conflict_do_nothing()
        self.enter = _enter(dialect)
        self.sum_up = _sum_up(dialect)

        given_ids = dialect.members("ids")
        self.remove = (
            update(mails)
            .where(mails.c.id.in_(given_ids), mails.c.state.in_(REMOVABLE), mails.c.removed.is_(False))
            .values(removed=True)
            .returning(mails.c.id, mails.c.state)
        )
        self.claim = update(mails).where(*waits(dialect)).values(next_try_at=None).returning(mails.c.id)
        self.release = (
            update(mails)
            .where(
                mails.c.id == bindparam("mail"), mails.c.next_try_at.is_(None), mails.c.deferred.is_not(None)
            )
            .values(next_try_at=bindparam("until"))
        )
        self.hurry = (
            update(mails)
            .where(mails.c.id == bindparam("mail"), mails.c.generation < bindparam("wanted"))
            .values(generation=bindparam("wanted"))
        )
        self.suspend = _suspend(dialect)
        self.forget_bodies = update(mails).where(mails.c.body.in_(dialect.members("names"))).values(body=None)
        self.forget_mails = tuple(
            delete(column.table).where(column.in_(given_ids))
            for column in (events.c.mail_id, recipients.c.mail_id, mails.c.id)
        )

    def inserts(self, rows: Rows) -> tuple[list[Insert], dict[str, str]]:
        """What stores all `rows`, in one order of tables whoever writes, and what is bound in it."""
        told = (
            (self.tell, mails, rows.mails),
            (self.answer, recipients, rows.recipients),
            (self.add_step, events, rows.events),
            (self.enter, entries, rows.entries),
            (self.sum_up, counts, rows.counts),
        )
        return (
            [insert for insert, _, some in told if some],
            {table.name: as_json(some) for _, table, some in told if some},
        )


def _insert_all(dialect: Dialect, table: Table, columns: Iterable[Column[Any]]) -> Insert:
    """An insert of the rows that are bound to the name of the table."""
    told = list(columns)
    return dialect.insert(table).from_select(told, dialect.rows(table.name, told))


def _tell(dialect: Dialect) -> Insert:
    """What is known of a mail: its description whenever it comes, its state if that is news.

    One statement for both, since two would lock the same mails in two orders.
    """
    insert = _insert_all(dialect, mails, (mails.c[name] for name in ("id", *DESCRIPTION, *STATE)))
    told, known = insert.excluded, mails.c
    describes = told.source_id.is_not(None)
    # An ending wins over what is none, and else the newer over the older: as in `rows.py`.
    is_news = tuple_(told.ended_at.is_not(None), told.state_at) >= tuple_(
        known.ended_at.is_not(None), known.state_at
    )
    latest = {name: told[name] for name in STATE} | {
        name: func.coalesce(told[name], known[name]) for name in _LAST_KNOWN
    }
    return insert.on_conflict_do_update(
        index_elements=["id"],
        set_={name: case((describes, told[name]), else_=known[name]) for name in DESCRIPTION}
        | {name: case((is_news, value), else_=known[name]) for name, value in latest.items()},
        where=or_(describes, is_news),
    )


def _answer(dialect: Dialect) -> Insert:
    """What became of a recipient: nothing changes a final answer, else the newer one counts."""
    insert = _insert_all(dialect, recipients, recipients.c)
    told = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["mail_id", "address"],
        set_={name: told[name] for name in ("answer", "server", "reply", "tried_at")},
        where=and_(
            recipients.c.answer == Answer.LATER,
            or_(told.answer != Answer.LATER, told.tried_at >= recipients.c.tried_at),
        ),
    )


def _enter(dialect: Dialect) -> Insert:
    """A copy of a mail in a storage. One that is there is replaced, as its bytes were; its orders stay."""
    written = ("storage", "id", "status", "size", "preface", "stored_at", "sender", "recipients", "mail")
    insert = _insert_all(dialect, entries, (entries.c[name] for name in written))
    news = ("status", "size", "preface", "sender", "recipients", "mail")
    return insert.on_conflict_do_update(
        index_elements=["storage", "id"], set_={name: insert.excluded[name] for name in news}
    )


def _sum_up(dialect: Dialect) -> Insert:
    """The sum of one process in one hour, which only rises."""
    insert = _insert_all(dialect, counts, counts.c)
    return insert.on_conflict_do_update(
        index_elements=["hour", "counter", "source"],
        set_={"value": insert.excluded.value},
        where=insert.excluded.value > counts.c.value,
    )


def _suspend(dialect: Dialect) -> Insert:
    insert = dialect.insert(modules)
    return insert.on_conflict_do_update(
        index_elements=["module"], set_={"suspended": insert.excluded.suspended}
    )
