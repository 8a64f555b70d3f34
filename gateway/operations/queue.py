"""The queue in the hands of an operator: to list it, to take mail out of it, to send mail early.

Whatever concerns many mails goes page by page, so that the length of the queue costs time but no memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.bus import wire
from gateway.bus.port import Inlet
from gateway.domain.address import domain_of, matches_any
from gateway.domain.commands import Remove, TryAgain
from gateway.domain.errors import TemporaryFailure
from gateway.domain.pipeline import REMOVABLE, SENDABLE, QueueState, Stage
from gateway.operations import cursors
from gateway.records.port import MailRecord, QueuePlace, Records

LARGEST_PAGE = 500

MOST_LOOKED_AT = 10_000
"""Mails that are looked at for one page: a filter that finds little makes a short page, not a long wait."""

AT_ONCE = 500
"""Mails that are removed or sent in one go: with the bodies that they may carry at most some 20 MB."""

SOON = timedelta(seconds=5)
"""Mail whose wait ends so soon comes without help, and somebody may have it before we say a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which mail of the queue is meant. What is empty does not matter; of several masks one must match."""

    states: frozenset[str] = frozenset()  # of `QueueState`, or PARKED
    senders: tuple[str, ...] = ()  # masks, the null sender is ""
    recipients: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()  # masks of domains of recipients
    since: datetime | None = None  # arrived then or later
    until: datetime | None = None  # arrived then or earlier

    def names(self, mail: MailRecord) -> bool:
        """Whether `mail`, of whatever state and time, is meant."""
        if self.senders and not matches_any(self.senders, mail.sender):
            return False
        if self.recipients and not any(matches_any(self.recipients, to) for to in mail.recipients):
            return False
        domains = map(domain_of, mail.recipients)
        return not self.destinations or any(matches_any(self.destinations, domain) for domain in domains)


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Some mails of the queue, oldest first."""

    mails: Sequence[MailRecord]
    next: str | None  # the cursor of the next page; None when this one is the last


@dataclass(frozen=True, slots=True)
class Done:
    """Whether an order about one mail was carried out, and the mail as it was; None: it is not known."""

    mail: MailRecord | None
    done: bool


async def list_queue(records: Records, wanted: Wanted, *, cursor: str = "", most: int = 100) -> QueuePage:
    """At most `most` mails on their way, behind `cursor` if one is given.

    A page may be short, or empty, and not the last one. Mail that comes or goes meanwhile moves no other to
    another page. `ValueError` when the cursor is none of ours.
    """
    after = place_of(cursor) if cursor else None
    most = min(most, LARGEST_PAGE)
    page: list[MailRecord] = []
    last, looked_at = None, 0
    async for mail in _walk(records, wanted, after):
        if last and (len(page) == most or looked_at == MOST_LOOKED_AT):
            return QueuePage(page, cursor_of(last))
        last, looked_at = mail, looked_at + 1
        if wanted.names(mail):
            page.append(mail)
    return QueuePage(page, None)


async def all_queued(records: Records, wanted: Wanted) -> AsyncIterator[MailRecord]:
    """All mail on its way that is meant, oldest first."""
    async for mail in _walk(records, wanted, None):
        if wanted.names(mail):
            yield mail


async def remove_mail(inlet: Inlet, records: Records, mail_id: str) -> Done:
    """Take one mail out of the queue: nobody gets it, and nobody is told. Only `REMOVABLE` mail can be."""
    mail = await records.mail(mail_id)
    removed = await _remove(inlet, records, [mail_id])
    return Done(mail, bool(removed))


async def remove_mails(inlet: Inlet, records: Records, wanted: Wanted) -> int:
    """Take all mail out of the queue that is meant and can be removed; how many."""
    return sum([await _remove(inlet, records, ids) async for ids in _pages(records, wanted, REMOVABLE)])


async def would_remove(records: Records, wanted: Wanted) -> int:
    """How many mails `remove_mails` would take out now."""
    return sum([len(ids) async for ids in _pages(records, wanted, REMOVABLE)])


async def would_send(records: Records, wanted: Wanted) -> int:
    """How many mails `send_mails` would send now."""
    return sum([len(ids) async for ids in _pages(records, wanted, SENDABLE)])


async def would_change(records: Records, mail_id: str, states: frozenset[QueueState]) -> Done:
    """Whether an order that is for mail in `states` alone would be carried out now."""
    mail = await records.mail(mail_id)
    return Done(mail, mail is not None and mail.state in states)


async def send_mail(inlet: Inlet, records: Records, mail_id: str, now: datetime) -> Done:
    """Have one mail sent ahead of its time. Only `SENDABLE` mail can be."""
    mail = await records.mail(mail_id)
    if mail is None or mail.state not in SENDABLE:
        return Done(mail, done=False)
    await _have_hosts_tried(inlet)
    await _send(inlet, records, [mail_id], now)
    return Done(mail, done=True)


async def send_mails(inlet: Inlet, records: Records, wanted: Wanted, now: Callable[[], datetime]) -> int:
    """Have all mail that is meant sent ahead of its time; how many."""
    sent = 0
    await _have_hosts_tried(inlet)
    async for ids in _pages(records, wanted, SENDABLE):
        await _send(inlet, records, ids, now())
        sent += len(ids)
    return sent


def cursor_of(mail: MailRecord) -> str:
    """The place of `mail` in the queue, as text without a meaning for anybody else."""
    return cursors.write(mail.received_at, mail.id)


def place_of(cursor: str) -> QueuePlace:
    """The place that `cursor_of` wrote. `ValueError` for any other text."""
    return QueuePlace(*cursors.read(cursor))


async def _walk(records: Records, wanted: Wanted, after: QueuePlace | None) -> AsyncIterator[MailRecord]:
    """All mail on its way of the states and times that are meant."""
    if after is None and wanted.since:
        after = QueuePlace(wanted.since, "")
    async for mail in records.queue(sorted(wanted.states), after):
        if wanted.until and mail.received_at > wanted.until:
            return
        yield mail


async def _pages(
    records: Records, wanted: Wanted, states: frozenset[QueueState]
) -> AsyncIterator[Sequence[str]]:
    """The ids of all mail that is meant and in one of `states`."""
    states_meant = wanted.states & states if wanted.states else frozenset[str](states)
    if not states_meant:
        return
    ids: list[str] = []
    async for mail in all_queued(records, replace(wanted, states=states_meant)):
        ids.append(mail.id)
        if len(ids) == AT_ONCE:
            yield ids
            ids = []
    if ids:
        yield ids


async def _remove(inlet: Inlet, records: Records, mail_ids: Sequence[str]) -> int:
    removed = await records.remove(mail_ids)
    # The sender asks the records; the stages before it are told. Who does not hear it now asks when the bus
    # is back.
    before_the_sender = tuple(mail_id for mail_id, state in removed.items() if state not in SENDABLE)
    if before_the_sender:
        with suppress(TemporaryFailure):
            await inlet.tell(Remove(before_the_sender))
    return len(removed)


async def _have_hosts_tried(inlet: Inlet) -> None:
    # Who does not hear it has lost the bus, and its mail with it.
    with suppress(TemporaryFailure):
        await inlet.tell(TryAgain())


async def _send(inlet: Inlet, records: Records, mail_ids: Sequence[str], now: datetime) -> None:
    """Publish mail that waits for a later try anew. What waits for nothing comes by itself."""
    claimed = await records.claim(mail_ids, now + SOON)
    try:
        waiting = [wire.decode(one.copy) for one in claimed]
        anew = [replace(mail, generation=mail.generation + 1) for mail in waiting]
        await inlet.publish(Stage.SENDER, anew, urgent=True)
    except BaseException:
        await records.release(claimed)
        raise
    # Only now: until the new copies are safe, the old ones must be wanted.
    await records.hurry({mail.id: mail.generation for mail in anew})
