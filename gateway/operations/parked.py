"""Mail that a fault of our own stopped, in the hands of an operator: to look at, to put back, to drop.

A parked mail is known by what lies on the bus, since some of it cannot be decoded. It stays parked until
somebody decides; what is put back begins at the stage that it was stopped at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from gateway.bus.port import Bus, ParkedMail
from gateway.domain.journey import Ended, Ending, Moved
from gateway.domain.mail import Mail
from gateway.domain.pipeline import WAITING, Stage
from gateway.records.port import Records

LARGEST_PAGE = 500

MOST_WALKED = 10_000
"""Parked mails that are looked at in one go."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked mail."""

    id: str  # of what lies on the bus
    mail_id: str  # "" when it cannot be decoded
    stage: Stage | None  # that it was stopped at, where that is known
    reason: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    received_at: datetime | None
    size: int  # bytes of the message; of what lies on the bus, when that cannot be decoded


@dataclass(frozen=True, slots=True)
class ParkedPage:
    """Some parked mail."""

    mails: Sequence[Parked]
    next: str | None  # the cursor of the next page; None when this one is the last


async def list_parked(bus: Bus, *, cursor: str = "", most: int = 100) -> ParkedPage:
    """At most `most` parked mails, in the order of their ids, behind `cursor` if one is given."""
    found: dict[str, Parked] = {}
    async with bus.parked() as walk:
        looked_at = 0
        async for one in walk:
            looked_at += 1
            if (parked := _described(one)).id > cursor:
                found[parked.id] = parked
            if looked_at == MOST_WALKED:
                break
    ids = sorted(found)
    page = [found[parked_id] for parked_id in ids[: min(most, LARGEST_PAGE)]]
    return ParkedPage(page, page[-1].id if len(page) < len(ids) else None)


async def find_parked(bus: Bus, ids: Collection[str]) -> Sequence[Parked]:
    """Those of the parked mails that are there."""
    found: dict[str, Parked] = {}

    async def note(one: ParkedMail, parked: Parked) -> None:
        found[parked.id] = parked

    await _each(bus, ids, note)
    return list(found.values())


async def retry_parked(bus: Bus, records: Records, ids: Collection[str], now: datetime) -> Sequence[str]:
    """Put parked mail back to its stage; which was there. `PermanentFailure`: nothing says which stage."""
    done: list[str] = []

    async def retry(one: ParkedMail, parked: Parked) -> None:
        await one.retry()
        if one.mail is not None and one.stage is not None:
            records.note(Moved(one.mail.id, now, WAITING[one.stage]))
        done.append(parked.id)

    await _each(bus, ids, retry)
    return done


async def drop_parked(bus: Bus, records: Records, ids: Collection[str], now: datetime) -> Sequence[str]:
    """Remove parked mail for good: nobody gets it, and nobody is told. Which was there."""
    done: list[str] = []

    async def drop(one: ParkedMail, parked: Parked) -> None:
        if one.mail is not None:
            # On record first: what is not on the bus any more is known to have been dropped.
            await records.keep(Ended(one.mail.id, now, Ending.REMOVED, "parked, and dropped by the operator"))
        await one.drop()
        done.append(parked.id)

    await _each(bus, ids, drop)
    return done


def id_of(content: bytes) -> str:
    """The id of what lies on the bus: equal content is the same parked mail."""
    return blake2b(content, digest_size=8).hexdigest()


async def _each(bus: Bus, ids: Collection[str], act: Callable[[ParkedMail, Parked], Awaitable[None]]) -> None:
    looked_at = 0
    async with bus.parked() as walk:
        async for one in walk:
            looked_at += 1
            if id_of(one.raw) in ids:
                await act(one, _described(one))
            if looked_at == MOST_WALKED:
                return


def _described(one: ParkedMail) -> Parked:
    mail: Mail | None = one.mail
    if mail is None:
        return Parked(id_of(one.raw), "", one.stage, one.reason, "", (), "", None, len(one.raw))
    envelope = mail.envelope
    return Parked(
        id_of(one.raw),
        mail.id,
        one.stage,
        one.reason,
        envelope.sender,
        tuple(to.address for to in envelope.recipients),
        mail.subject,
        envelope.received_at,
        mail.size,
    )
