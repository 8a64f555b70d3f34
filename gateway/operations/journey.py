"""What became of one mail: its record, and all that happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.records.port import JourneyStep, MailRecord, Records


@dataclass(frozen=True, slots=True)
class Journey:
    """One mail and its way."""

    mail: MailRecord
    steps: Sequence[JourneyStep]  # oldest first


async def journey_of(records: Records, mail_id: str) -> Journey | None:
    """The whole journey of a mail, or None when the records do not know it."""
    mail = await records.mail(mail_id)
    if mail is None:
        return None
    return Journey(mail, await records.journey(mail_id))
