"""What is answered where the value of an operation would tell too much, or too little."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.storage import StorageEntry, StoredStatus


@dataclass(frozen=True, slots=True)
class Effect:
    """What a call did, or would do."""

    count: int  # so many were changed, or would be
    dry_run: bool  # nothing was done


@dataclass(frozen=True, slots=True)
class Entry:
    """A copy of a mail in a storage."""

    id: str
    status: StoredStatus
    size: int  # bytes of the message
    stored_at: datetime
    received_at: datetime
    client_ip: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    group: str
    released: int  # how often
    released_at: datetime | None  # the last time
    ordered_at: datetime | None  # when the release was ordered that was not carried out yet
    failure: str  # why it could not be


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some entries of a storage."""

    entries: list[Entry]
    next: str | None  # the cursor of the next page; None when this one is the last


def entry_of(stored: StorageEntry) -> Entry:
    """An entry as it is told."""
    mail = stored.mail
    return Entry(
        id=stored.id,
        status=stored.status,
        size=stored.size,
        stored_at=stored.stored_at,
        received_at=mail.envelope.received_at,
        client_ip=mail.envelope.client_ip,
        sender=mail.envelope.sender,
        recipients=tuple(to.address for to in mail.envelope.recipients),
        subject=mail.subject,
        message_id=mail.message_id,
        group=mail.group,
        released=stored.release,
        released_at=stored.released_at,
        ordered_at=stored.ordered_at,
        failure=stored.failure,
    )
