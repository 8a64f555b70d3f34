"""What became of mail: which there is, and all that happened to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.operations import cursors
from gateway.records.history import Sought
from gateway.records.port import JourneyStep, MailRecord, QueuePlace, Records

LARGEST_PAGE = 500


@dataclass(frozen=True, slots=True)
class Journey:
    """One mail and its way."""

    mail: MailRecord
    steps: Sequence[JourneyStep]  # oldest first
    made: Sequence[MailRecord]  # other mail that came from it: copies for other groups, notices, releases


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some of the mail that was looked for, newest first. It may be short, or empty, and not the last one."""

    mails: Sequence[MailRecord]
    next: str | None  # the cursor of the next page; None when this one is the last


async def journey_of(records: Records, mail_id: str) -> Journey | None:
    """The whole journey of a mail, or None when the records do not know it."""
    mail = await records.mail(mail_id)
    if mail is None:
        return None
    return Journey(mail, await records.journey(mail_id), await records.history.copies(mail_id))


async def find_messages(
    records: Records, sought: Sought, *, cursor: str = "", most: int = 100
) -> MessagePage:
    """At most `most` mails that are looked for, behind `cursor` if one is given.

    `ValueError` when the cursor is none of ours.
    """
    behind = QueuePlace(*cursors.read(cursor)) if cursor else None
    found = await records.history.search(sought, behind, min(most, LARGEST_PAGE))
    place = found.next
    return MessagePage(found.mails, cursors.write(place.received_at, place.id) if place else None)
