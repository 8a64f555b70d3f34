"""What events mean for the tables: events in, rows out.

A row says what is known of a mail and when it was so. Several states of one mail become one row, and
the statements of `writing.py` hold a row against the stored one by the same rule: an ending wins over
what is none, and else the newer over the older. So events may come in any order, and twice.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, assert_never
from zlib import crc32

import msgspec

from gateway.domain.journey import (
    Analysed,
    Answer,
    Deferred,
    Ended,
    Entered,
    Event,
    Moved,
    Parked,
    RecipientReply,
    Scanned,
    Stored,
    Tried,
)
from gateway.domain.pipeline import WAITING, Stage
from gateway.domain.storage import StorageEntry
from gateway.records.port import PARKED
from gateway.records.schema import DESCRIPTION, STATE, micros

Row = dict[str, Any]
Numbered = tuple[int, Event]  # an event, and its place among all that this process noted

_UNKNOWN: Row = dict.fromkeys(DESCRIPTION + STATE) | {"state_at": -1}
"""What is known of a mail before anything is."""


@dataclass(slots=True)
class Rows:
    """What a batch of events makes: one list for each table."""

    mails: list[Row] = field(default_factory=list)
    recipients: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    counts: list[Row] = field(default_factory=list)


def rows_of(batch: Iterable[Numbered]) -> Rows:
    """The rows of a batch, ordered by mail: processes that write at once never wait in a circle."""
    rows = Rows()
    mails: dict[str, Row] = {}
    replies: list[Row] = []
    entries: dict[tuple[str, str], Row] = {}
    for number, event in batch:
        mail_id = _mail_id(event)
        if news := _news(event):
            _merge(mails.setdefault(mail_id, _UNKNOWN | {"id": mail_id}), news)
        if isinstance(event, Entered):
            mails[mail_id] |= _description(event)
        if isinstance(event, Tried):
            replies += (_reply(event, reply) for reply in event.replies)
        if isinstance(event, Stored):
            entries[event.entry.storage, mail_id] = _copy(event.entry)
        if not isinstance(event, Moved):
            rows.events.append(_step(mail_id, number, event))

    rows.mails = [_with_time(mails[mail_id]) for mail_id in sorted(mails)]
    rows.recipients = _last_words(replies)
    rows.events.sort(key=lambda row: (row["mail_id"], row["at"], row["digest"]))
    rows.entries = [entries[place] for place in sorted(entries)]
    return rows


def storable(text: str) -> str:
    """Text as both databases take it: without NUL, and without halves of surrogate pairs."""
    if "\x00" in text:
        text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _mail_id(event: Event) -> str:
    match event:
        case Entered():
            return event.mail.id
        case Stored():
            return event.entry.id
        case _:
            return event.mail_id


def _last_words(replies: list[Row]) -> list[Row]:
    """One row for each recipient: nothing changes a final answer, else the newest one counts."""
    words: dict[tuple[str, str], Row] = {}
    for row in sorted(replies, key=lambda row: (row["mail_id"], row["address"], row["tried_at"])):
        recipient = row["mail_id"], row["address"]
        if recipient not in words or words[recipient]["answer"] == Answer.LATER:
            words[recipient] = row
    return list(words.values())


def _news(event: Event) -> Row | None:
    """What an event says of the state of its mail."""
    at = micros(event.at)
    news: Row = {"state_at": at, "ended_at": None}
    match event:
        case Entered():
            return news | {"state": WAITING[Stage(event.stage)], "attempts": event.mail.attempts}
        case Moved():
            return news | {"state": event.state}
        case Deferred():
            return news | {
                "state": event.state,
                "next_try_at": micros(event.until),
                "attempts": event.attempts,
                "reason": storable(event.reason),
                "deferred": b64encode(event.copy).decode("ascii") or None,
            }
        case Parked():
            return news | {"state": PARKED, "reason": storable(event.reason)}
        case Ended():
            return news | {"state": event.ending, "ended_at": at, "reason": storable(event.reason)}
        case Analysed() | Scanned() | Stored() | Tried():
            return None
        case _:
            assert_never(event)


def _merge(known: Row, news: Row) -> None:
    if _rank(news) >= _rank(known):
        known.update((name, value) for name, value in news.items() if value is not None)
        known["deferred"] = news.get(
            "deferred"
        )  # once it was taken out of its waiting room, none waits there


def _rank(row: Row) -> tuple[bool, int]:
    return row["ended_at"] is not None, row["state_at"]


def _with_time(row: Row) -> Row:
    if row["received_at"] is None:
        row["received_at"] = row["state_at"]  # until its `Entered` tells better
    return row


def _description(event: Entered) -> Row:
    mail = event.mail
    return {
        "source_id": mail.source_id,
        "group_name": storable(mail.group),
        "sender": storable(mail.envelope.sender),
        "recipients": as_json([to.address for to in mail.envelope.recipients]),
        "client_ip": mail.envelope.client_ip,
        "message_id": storable(mail.message_id),
        "size": mail.size,
        "received_at": micros(mail.envelope.received_at),
        "subject": storable(mail.subject),
        "body": mail.body.name if mail.body.carried is None else None,  # what is carried is not swept
    }


def _reply(event: Tried, reply: RecipientReply) -> Row:
    words = (str(reply.code) if reply.code else "", reply.enhanced, reply.text)
    return {
        "mail_id": event.mail_id,
        "address": storable(reply.address),
        "answer": reply.answer,
        "server": storable(reply.server),
        "reply": storable(" ".join(filter(None, words))),
        "tried_at": micros(event.at),
    }


_DETAILS = {
    kind: tuple(part.name for part in fields(kind) if part.name not in ("mail_id", "at", "copy"))
    for kind in (Analysed, Scanned, Tried, Deferred, Parked, Ended)
}


def _step(
    mail_id: str,
    number: int,
    event: Analysed | Scanned | Stored | Tried | Deferred | Parked | Ended | Entered,
) -> Row:
    kind = type(event).__name__
    detail = as_json(_detail(event))
    return {
        "mail_id": mail_id,
        "at": micros(event.at),
        "digest": crc32(f"{kind} {detail}".encode()),
        "number": number,
        "kind": kind,
        "detail": detail,
    }


def _detail(event: Analysed | Scanned | Stored | Tried | Deferred | Parked | Ended | Entered) -> Row:
    match event:
        case Entered():
            return _entry(event)
        case Stored(entry):
            return {"storage": entry.storage, "status": entry.status}
        case _:
            return {name: getattr(event, name) for name in _DETAILS[type(event)]}


def _entry(event: Entered) -> Row:
    """What the mail's own row does not hold."""
    mail = event.mail
    entry = {
        "stage": event.stage,
        "helo": mail.envelope.helo,
        "protocol": mail.envelope.protocol,
        "body": mail.body.name,
    }
    return entry if mail.authentication is None else entry | {"authentication": mail.authentication}


def _copy(entry: StorageEntry) -> Row:
    envelope = entry.mail.envelope
    return {
        "storage": entry.storage,
        "id": entry.id,
        "status": entry.status,
        "size": entry.size,
        "preface": entry.preface,
        "stored_at": micros(entry.stored_at),
        "sender": storable(envelope.sender),
        "recipients": as_json([to.address for to in envelope.recipients]),
        "mail": as_json(entry.mail),
    }


def as_json(value: object) -> str:
    """What is bound where a list is wanted, and how details are stored."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        # Half a surrogate pair, which UTF-8 cannot hold: written as an escape it can be kept.
        return json.dumps(msgspec.to_builtins(value))
