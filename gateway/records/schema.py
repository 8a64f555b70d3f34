"""The tables of the records, the same in both databases, and how values are written in them.

Times are whole microseconds since 1970 in UTC: small, exact, and ordered alike everywhere. Mail that
ended is most of what lies here and is touched no more, so the indexes of everyday work leave it out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    and_,
    false,
    literal_column,
)

from gateway.domain.licence import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# The order of bytes is the cheapest one to keep, and the same on every server.
_Key = String().with_variant(String(collation="C"), "postgresql")

metadata = MetaData()

mails = Table(
    "mails",
    metadata,
    Column("id", _Key, primary_key=True),
    # What describes it: NULL until its `Entered` is known.
    Column("source_id", _Key),
    Column("group_name", String),
    Column("sender", String),
    Column("recipients", String),  # a JSON list of addresses
    Column("client_ip", String),
    Column("message_id", String),
    Column("size", BigInteger),
    Column("received_at", BigInteger, nullable=False),  # until then, when it was first heard of
    Column("body", _Key),  # NULL when it was forgotten, too
    # What became of it so far.
    Column("state", String, nullable=False),
    Column("state_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("next_try_at", BigInteger),  # of the last deferral; of no meaning once it is past
    Column("attempts", BigInteger),
    Column("reason", String),
    # What operators said of it.
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("removed", Boolean, nullable=False, server_default=false()),
    # Last, since it is large and seldom read: the mail as the bus has it, in base64,
    # while it waits for a next try of the sender.
    Column("deferred", String),
    Column("subject", String),
)

DESCRIPTION = (
    "source_id",
    "group_name",
    "sender",
    "recipients",
    "client_ip",
    "message_id",
    "size",
    "received_at",
    "body",
    "subject",
)
STATE = ("state", "state_at", "ended_at", "next_try_at", "attempts", "reason", "deferred")

recipients = Table(
    "recipients",
    metadata,
    Column("mail_id", _Key, primary_key=True),
    Column("address", _Key, primary_key=True),
    Column("answer", String, nullable=False),
    Column("server", String, nullable=False),
    Column("reply", String, nullable=False),
    Column("tried_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("mail_id", _Key, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    # Told twice, an event is one: its digest is that of its kind and detail.
    Column("digest", BigInteger, primary_key=True),
    Column("number", BigInteger, nullable=False),  # orders events of one moment
    Column("kind", String, nullable=False),
    Column("detail", String, nullable=False),  # JSON
    sqlite_with_rowid=False,
)

modules = Table(
    "modules",
    metadata,
    Column("module", String, primary_key=True),
    Column("suspended", Boolean, nullable=False),
)

entries = Table(
    "storage_entries",
    metadata,
    Column("storage", _Key, primary_key=True),
    Column("id", _Key, primary_key=True),
    Column("status", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("preface", Integer, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    # What listings show and look for, besides being in the mail.
    Column("sender", String, nullable=False),
    Column("recipients", String, nullable=False),  # a JSON list of addresses
    Column("mail", String, nullable=False),  # JSON
    # What operators ordered, and what came of it.
    Column("release", Integer, nullable=False, server_default="0"),
    Column("released_at", BigInteger),
    Column("ordered_at", BigInteger),
    Column("checked", Boolean, nullable=False, server_default=false()),
    Column("claimed_until", BigInteger),
    Column("failure", String, nullable=False, server_default=""),
    Column("removed", Boolean, nullable=False, server_default=false()),
)

notices = Table(
    "notices",
    metadata,
    Column("address", _Key, primary_key=True),  # in lower case
    Column("id", _Key, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

counts = Table(
    "counts",
    metadata,
    Column("hour", BigInteger, primary_key=True),  # seconds since 1970
    Column("counter", _Key, primary_key=True),
    Column("source", _Key, primary_key=True),  # the process that counted
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

licence_keys = Table(
    "licence_keys",
    metadata,
    Column("serial", _Key, primary_key=True),
    Column("file", String, nullable=False),  # what it was called
    Column("content", String, nullable=False),  # the key file, which proves itself
    Column("place", String, nullable=False),
    Column("activated", String),  # a day, ISO 8601; NULL: its term has not begun
    sqlite_with_rowid=False,
)

licence_clock = Table(
    "licence_clock",
    metadata,
    Column("id", Integer, primary_key=True),  # of the one row
    Column("newest", String, nullable=False),  # a day, ISO 8601
)

licence_revocations = Table(
    "licence_revocations",
    metadata,
    Column("signer", _Key, primary_key=True),
    Column("number", BigInteger, nullable=False),  # of the newest list
    Column("content", String, nullable=False),  # the list, which proves itself
    sqlite_with_rowid=False,
)

announcements = Table(
    "announcements",
    metadata,
    Column("id", _Key, primary_key=True),  # what administrators are told
    Column("told", Boolean, nullable=False),
    Column("until", BigInteger, nullable=False),  # told: to be remembered; else: somebody tells it
    sqlite_with_rowid=False,
)

gauges = Table(
    "gauges",
    metadata,
    Column("gauge", _Key, primary_key=True),
    Column("source", _Key, primary_key=True),  # the process that says so
    Column("value", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),  # unless it is told anew
    sqlite_with_rowid=False,
)

outages = Table(
    "outages",
    metadata,
    Column("subject", _Key, primary_key=True),
    Column("source", _Key, primary_key=True),  # the process that says so
    Column("reason", String, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),  # unless it is told anew
    sqlite_with_rowid=False,
)

greylist = Table(
    "greylist",
    metadata,
    Column("id", _Key, primary_key=True),  # the digest of client, sender and recipient
    Column("client", _Key, nullable=False),  # a network, or a domain
    Column("first_at", BigInteger, nullable=False),
    Column("passed_at", BigInteger),  # NULL: it has not come again
    Column("expires_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    Column("at", BigInteger, primary_key=True),
    Column("id", _Key, primary_key=True),
    Column("who", String, nullable=False),
    Column("role", String, nullable=False),
    Column("address", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("result", Integer),  # NULL: it did not come to an end, or nobody could write that down
    Column("detail", String, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

lessons = Table(
    "lessons",
    metadata,
    Column("id", _Key, primary_key=True),  # of the message
    Column("number", BigInteger, nullable=False),  # of the last change
    Column("told", String, nullable=False),
    Column("told_at", BigInteger, nullable=False),  # or taken back
    Column("told_by", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("title", String, nullable=False),
    Column("content", LargeBinary),  # the message, until it was read
    Column("features", LargeBinary),  # what the filter made of it
    Column("failure", String, nullable=False),
    Column("removed", Boolean, nullable=False),
)

lesson_clock = Table(
    "lesson_clock",
    metadata,
    Column("id", Integer, primary_key=True),  # of the one row
    Column("number", BigInteger, nullable=False),  # of the last change
)

on_the_way = mails.c.ended_at.is_(None)
has_ended = mails.c.ended_at.is_not(None)
has_body = mails.c.body.is_not(None)
is_removed = mails.c.removed.is_(True)
has_message_id = mails.c.message_id != literal_column("''")
is_hurried = mails.c.generation > literal_column("0")

is_kept = entries.c.removed.is_(False)
is_ordered = entries.c.ordered_at.is_not(None)


def of_launch(source: Column[str], launch: str) -> ColumnElement[bool]:
    """That a source is a process of that launch: those are called `<launch>/...`."""
    return and_(source >= f"{launch}/", source < f"{launch}0")


def _only(where: ColumnElement[bool]) -> dict[str, Any]:
    return {"sqlite_where": where, "postgresql_where": where}


Index(
    "licence_keys_in_use",
    licence_keys.c.place,
    unique=True,
    **_only(licence_keys.c.place.in_((Place.ACTIVE, Place.BACKUP))),
)
Index("greylist_expires", greylist.c.expires_at)
Index("greylist_proofs", greylist.c.client, **_only(greylist.c.passed_at.is_not(None)))
Index("mails_queue", mails.c.state, mails.c.received_at, mails.c.id, **_only(on_the_way))
Index("mails_ended", mails.c.ended_at, mails.c.state, **_only(has_ended))
Index("mails_spent", mails.c.ended_at, **_only(has_ended & has_body))
Index("mails_body", mails.c.body, **_only(has_body))
Index("mails_removed", mails.c.id, **_only(is_removed))
# Of who looks for mail: all of it by time, and what a message is known by elsewhere.
Index("mails_received", mails.c.received_at, mails.c.id)
Index("mails_message_id", mails.c.message_id, **_only(has_message_id))
Index("mails_copies", mails.c.source_id, **_only(mails.c.source_id != mails.c.id))
Index("events_at", events.c.at, events.c.mail_id, events.c.digest)

# With the size in it, what a storage holds is counted without looking at the entries themselves.
Index(
    "storage_entries_kept",
    *(entries.c[name] for name in ("storage", "stored_at", "id", "size")),
    **_only(is_kept),
)
Index("notices_at", notices.c.at)
Index("lessons_number", lessons.c.number)
Index("lessons_told", lessons.c.told_at, lessons.c.id)
Index("lessons_unread", lessons.c.number, **_only(lessons.c.content.is_not(None)))
Index("storage_entries_ordered", entries.c.ordered_at, **_only(is_ordered))
Index("storage_entries_removed", entries.c.storage, entries.c.id, **_only(entries.c.removed.is_(True)))


def micros(at: datetime) -> int:
    """A moment as it is stored."""
    return (at - _EPOCH) // _MICROSECOND


def moment(stored: int) -> datetime:
    """A stored moment."""
    return _EPOCH + stored * _MICROSECOND
