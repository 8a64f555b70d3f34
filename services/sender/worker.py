"""The sender's shell: all destinations of a mail at once, each in one transaction."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar
from weakref import WeakValueDictionary

from gateway.blobs.port import Blobs
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Answer, Ended, Ending, RecipientReply, Tried
from gateway.domain.mail import Mail, Recipient
from gateway.domain.pipeline import REPLACED, Finished, Later, Outcome, taken_out
from gateway.domain.schedule import next_delay, time_left
from gateway.domain.statistics import Counter
from gateway.domain.storage import Storage, StoredStatus
from gateway.records.port import Records, Settled
from gateway.runtime import maillog
from gateway.storages.storages import Storages
from services.sender.carrier import Carrier
from services.sender.content import Content, content_of
from services.sender.hosts import Answers
from services.sender.lanes import Busy
from services.sender.notices import Action, Fate, to_be_told
from services.sender.reporter import Reporter
from services.sender.routing import Destination, RoutingTable

PATIENCE_SECONDS = 5 * 60.0
"""How long the records may be away before what was just delivered is forgotten, and delivered again."""
PAUSE_SECONDS = 1.0
"""Between two questions to records that are away."""

ARCHIVE_DELAY = timedelta(seconds=30)
"""Until a delivered mail is brought to an archive again that could not be written."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Where mail goes, and how long it is tried."""

    routes: RoutingTable
    minimal_backoff: timedelta
    maximal_backoff: timedelta
    lifetime: timedelta
    delay_after: timedelta | None = None  # when senders hear of a delay; None: never
    delays_unasked: bool = False  # also those that did not say what they want to hear


@dataclass(frozen=True, slots=True)
class _Result:
    """What one destination said, or that no connection was free."""

    recipients: tuple[Recipient, ...]
    answers: Answers | Busy


@dataclass(frozen=True, slots=True)
class _Again:
    """A recipient to be tried again, and what was said of it, or that nobody could be asked."""

    to: Recipient
    said: RecipientReply | Busy

    @property
    def reply(self) -> RecipientReply | None:
        """What was said."""
        return None if isinstance(self.said, Busy) else self.said


class SenderWorker:
    """Delivers mail, makes what failed wait, and tells senders what will never be delivered."""

    def __init__(
        self,
        carrier: Carrier,
        blobs: Blobs,
        records: Records,
        rules: Rules,
        reporter: Reporter,
        storages: Storages,
        archive: Storage,
        *,
        now: Callable[[], datetime],
        jitter: Callable[[], float] = random.random,
        patience: float = PATIENCE_SECONDS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._carrier = carrier
        self._blobs = blobs
        self._records = records
        self._rules = rules
        self._reporter = reporter
        self._storages = storages
        self._archive = archive
        self._now = now
        self._jitter = jitter
        self._patience = patience
        self._pause = pause
        self._in_hand: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def handle(self, mail: Mail) -> Outcome:
        """Try all recipients that no earlier try has settled."""
        # A step that was cut off may have left two copies. One waits for what the other has delivered.
        async with self._in_hand.setdefault(mail.id, asyncio.Lock()):
            return await self._deliver(mail)

    async def _deliver(self, mail: Mail) -> Outcome:
        # While the records are away no mail can be sent. What is in hand goes on as soon as they are back.
        settled = await self._patiently(mail, lambda: self._records.settled(mail.id))
        if settled.removed:
            return taken_out(mail, self._now())
        if mail.generation < settled.generation:
            return REPLACED
        waiting = tuple(to for to in mail.envelope.recipients if to.address not in settled.answers)
        tried = await self._try_all(mail, waiting)

        again, fates = _sorted_out(tried)
        if again and not time_left(mail.envelope.received_at, self._now(), self._rules.lifetime):
            fates += tuple(_given_up(one) for one in again)
            again = ()
        self._log(mail, fates, again)
        self._count(mail, settled, fates)
        archived = await self._keep_copy(mail, settled, fates)

        delayed = self._delayed(mail, again)
        told = to_be_told(mail, (*fates, *delayed), delays_unasked=self._rules.delays_unasked)
        created = (await self._reporter.tell(mail, told),) if told else ()
        again = _with_told(again, told)
        # What was delivered is on record already.
        rest = _not_delivered(fates, again)
        events = (Tried(mail.id, self._now(), rest),) if rest else ()
        if not archived:
            return self._until_archived(mail, again, events, created)
        if again:
            return self._later(mail, again, events, created)
        ended = Ended(mail.id, self._now(), *_ending(settled.answers, fates))
        return Finished((*events, ended), created)

    async def _keep_copy(self, mail: Mail, settled: Settled, fates: Sequence[Fate]) -> bool:
        """Whether the outgoing archive has the copy that this step owes it."""
        if not _is_first_delivery(mail, settled, fates):
            return True
        try:
            await self._storages.keep(self._archive, mail, StoredStatus.SENT, at=self._now())
        except TemporaryFailure as trouble:
            log.warning("sender: the outgoing archive: %s", trouble, extra={"mail_id": mail.id})
            return False
        return True

    def _until_archived(
        self, mail: Mail, again: Sequence[_Again], events: tuple[Tried, ...], created: tuple[Mail, ...]
    ) -> Later:
        """The next step keeps the copy. Nobody leaves the envelope meanwhile: it says who has the mail."""
        waiting = {one.to.address: one.to for one in again}
        recipients = tuple(waiting.get(to.address, to) for to in mail.envelope.recipients)
        whole = replace(mail, envelope=replace(mail.envelope, recipients=recipients))
        if not again:
            return Later(whole, ARCHIVE_DELAY, "the outgoing archive cannot be written", events, created)
        later = self._later(mail, again, events, created)
        return replace(later, mail=replace(whole, attempts=later.mail.attempts))

    def _delayed(self, mail: Mail, again: Iterable[_Again]) -> tuple[Fate, ...]:
        """What a sender can be told of recipients that are tried again, when it takes long enough."""
        after = self._rules.delay_after
        if after is None or time_left(mail.envelope.received_at, self._now(), after):
            return ()
        return tuple(Fate(one.to, _reply(one)) for one in again)

    async def _try_all(self, mail: Mail, waiting: Sequence[Recipient]) -> list[_Result]:
        if not waiting:
            return []
        content = await content_of(mail, self._blobs)
        groups = self._rules.routes.by_destination(waiting)
        tries = [self._try(mail, destination, members, content) for destination, members in groups.items()]
        results = await asyncio.gather(*tries, return_exceptions=True)
        # A fault is told only now: no destination is cut off because of another one.
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, _Result)]

    async def _try(
        self, mail: Mail, destination: Destination | None, members: tuple[Recipient, ...], content: Content
    ) -> _Result:
        try:
            envelope = replace(mail.envelope, recipients=members)
            answers = await self._carrier.deliver(destination, envelope, content)
        except Busy as busy:
            return _Result(members, busy)
        delivered = tuple(reply for reply in answers.replies if reply.answer is Answer.DELIVERED)
        if delivered:
            # Written down before anything else happens to the mail: nobody shall get it twice.
            tried = Tried(mail.id, self._now(), delivered)
            await self._patiently(mail, lambda: self._records.keep(tried))
        return _Result(members, answers)

    async def _patiently(self, mail: Mail, ask: Callable[[], Awaitable[T]]) -> T:
        """What the records answer, however long they are away within our patience."""
        in_trouble = False
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    try:
                        return await ask()
                    except TemporaryFailure as trouble:
                        if not in_trouble:
                            log.warning(
                                "sender: waits for the records: %s", trouble, extra={"mail_id": mail.id}
                            )
                        in_trouble = True
                    await asyncio.sleep(self._pause)
        except TimeoutError:
            raise TemporaryFailure("the records are away") from None

    def _later(
        self,
        mail: Mail,
        again: Sequence[_Again],
        events: tuple[Tried, ...],
        created: tuple[Mail, ...],
    ) -> Later:
        replies = [one.reply for one in again if one.reply]
        attempts = mail.attempts + 1 if replies else mail.attempts
        envelope = replace(mail.envelope, recipients=tuple(one.to for one in again))
        rules, left = self._rules, time_left(mail.envelope.received_at, self._now(), self._rules.lifetime)
        if not replies:
            busy = [one.said for one in again if isinstance(one.said, Busy)]
            delay, reason = timedelta(seconds=max(one.after for one in busy)), str(busy[0])
        else:
            delay = next_delay(attempts, rules.minimal_backoff, rules.maximal_backoff, self._jitter())
            reason = " ".join(filter(None, (replies[0].server, str(replies[0].code or ""), replies[0].text)))
        # The last try is at the end of its time, so that the sender hears in time.
        return Later(
            replace(mail, envelope=envelope, attempts=attempts), min(delay, left), reason, events, created
        )

    def _count(self, mail: Mail, settled: Settled, fates: Sequence[Fate]) -> None:
        answers = [fate.reply.answer for fate in fates]
        if Answer.REFUSED in answers:
            self._records.count(Counter.SENDINGS_FAILED)
        if Answer.DELIVERED not in answers:
            return
        if Answer.DELIVERED not in settled.answers.values():
            self._records.count(Counter.SENT_MESSAGES)
            self._records.count(Counter.SENT_BYTES, mail.size)

    def _log(self, mail: Mail, fates: Iterable[Fate], again: Iterable[_Again]) -> None:
        for fate in fates:
            maillog.delivered(self._records.count, mail, fate.reply)
        for one in again:
            if one.reply:
                maillog.deferred(self._records.count, mail, one.reply)


def _sorted_out(results: Iterable[_Result]) -> tuple[tuple[_Again, ...], tuple[Fate, ...]]:
    """The recipients to be tried again, and what became of all others."""
    again: list[_Again] = []
    fates: list[Fate] = []
    for result in results:
        if isinstance(result.answers, Busy):
            again += (_Again(to, result.answers) for to in result.recipients)
            continue
        for to, reply in zip(result.recipients, result.answers.replies, strict=True):
            if reply.answer is Answer.LATER:
                again.append(_Again(to, reply))
            else:
                fates.append(Fate(to, reply, confirmed=result.answers.confirms, final=result.answers.final))
    return tuple(again), tuple(fates)


def _is_first_delivery(mail: Mail, settled: Settled, fates: Iterable[Fate]) -> bool:
    """Whether this step is the first to deliver `mail`, or repeats that one: then all recipients are in it.

    A later step has only those that were left, for it came about after the first was carried out.
    """
    delivered = {address for address, answer in settled.answers.items() if answer is Answer.DELIVERED}
    delivered |= {fate.to.address for fate in fates if fate.reply.answer is Answer.DELIVERED}
    return bool(delivered) and delivered <= {to.address for to in mail.envelope.recipients}


def _ending(before: Mapping[str, Answer], fates: Sequence[Fate]) -> tuple[Ending, str]:
    """How the mail ended: as its worst recipient did, perhaps at an earlier try."""
    refused = [fate.reply for fate in fates if fate.reply.answer is Answer.REFUSED]
    if refused:
        return Ending.BOUNCED, f"{refused[0].address}: {refused[0].text}"
    if Answer.REFUSED in before.values():
        return Ending.BOUNCED, "some recipients were refused at an earlier try"
    return Ending.DELIVERED, ""


def _given_up(one: _Again) -> Fate:
    return Fate(one.to, replace(_reply(one), answer=Answer.REFUSED), expired=True)


def _reply(one: _Again) -> RecipientReply:
    return one.reply or RecipientReply(one.to.address, Answer.LATER, "", text="no connection was free")


def _with_told(again: Sequence[_Again], told: Iterable[Fate]) -> tuple[_Again, ...]:
    """The recipients to be tried again, marked where the sender hears now that it takes long."""
    heard = {fate.to.address for fate in told if fate.action is Action.DELAYED}
    return tuple(
        replace(one, to=replace(one.to, delay_told=True)) if one.to.address in heard else one for one in again
    )


def _not_delivered(fates: Iterable[Fate], again: Iterable[_Again]) -> tuple[RecipientReply, ...]:
    refused = (fate.reply for fate in fates if fate.reply.answer is not Answer.DELIVERED)
    return (*refused, *(one.reply for one in again if one.reply))
