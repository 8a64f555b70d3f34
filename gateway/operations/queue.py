"""The queue as an operator reads it: page by page, so that its length costs nothing."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.pipeline import QueueState
from gateway.records.port import MailRecord, QueuePlace, Records

LARGEST_PAGE = 500

_NO_CURSOR = "the cursor is not one that a listing gave"


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Some mails of the queue, oldest first."""

    mails: Sequence[MailRecord]
    next: str | None  # the cursor of the next page; None when this one is the last


async def list_queue(
    records: Records, *, states: Sequence[QueueState] = (), cursor: str = "", most: int = 100
) -> QueuePage:
    """At most `most` mails on their way, behind `cursor` if one is given.

    Mail that comes or goes meanwhile moves no other to another page. `ValueError` when the cursor is none of
    ours.
    """
    after = place_of(cursor) if cursor else None
    most = min(most, LARGEST_PAGE)
    page: list[MailRecord] = []
    async for mail in records.queue([state.value for state in states], after):
        if len(page) == most:
            return QueuePage(page, cursor_of(page[-1]))
        page.append(mail)
    return QueuePage(page, None)


def cursor_of(mail: MailRecord) -> str:
    """The place of `mail` in the queue, as text without a meaning for anybody else."""
    return base64.urlsafe_b64encode(f"{mail.received_at.isoformat()} {mail.id}".encode()).decode("ascii")


def place_of(cursor: str) -> QueuePlace:
    """The place that `cursor_of` wrote. `ValueError` for any other text."""
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
        received_at, _, mail_id = text.partition(" ")
        place = QueuePlace(datetime.fromisoformat(received_at), mail_id)
    except ValueError as problem:  # base64, UTF-8 and dates all say so
        raise ValueError(_NO_CURSOR) from problem
    if not mail_id or place.received_at.tzinfo is None:
        raise ValueError(_NO_CURSOR)
    return place
