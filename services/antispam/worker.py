"""The antispam stage: looks at a mail, decides, and marks it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.blobs.port import Blobs
from gateway.domain.headers import MOST_HEADER_BYTES, header_end
from gateway.domain.journey import Analysed, Ended, Ending, Finding
from gateway.domain.mail import POLICY, BodyRef, Mail
from gateway.domain.message import with_edits
from gateway.domain.notice import Occasion
from gateway.domain.pipeline import Finished, Onward, Outcome, Stage
from gateway.domain.policy import Degree, Policy, fingerprint
from gateway.domain.statistics import Counter, messages_with, nobody_counts
from gateway.domain.storage import Storage, as_it_came, quarantine_of, status_in_storage
from gateway.runtime import maillog
from gateway.runtime.clock import utc_now
from gateway.runtime.notifying import Notifier
from gateway.storages.storages import Storages
from services.antispam.database.database import Database
from services.antispam.looking import look
from services.antispam.marking import Filter, Verdict, mark
from services.antispam.message import Message, read_message
from services.antispam.scoring import categories_of, status_of

FIRST_PIECE = 1 << 14
"""Bytes that are read first: nearly every header block ends within them."""

MOST_REMEMBERED = 1024
"""Messages whose findings are kept for their other copies, with heads of one `FIRST_PIECE` at most."""

_TOO_LARGE = Finding("max_size", "the message is too large to be analysed")
_TOO_SLOW = Finding("timeout", "the analysis took too long")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """What `[smtpgw.antispam]` says."""

    degree: Degree = Degree.STANDARD
    max_size: int = 0  # bytes, 0 is no limit
    timeout: float = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class _Seen:
    message: Message
    findings: tuple[Finding, ...]
    database: Database  # that they were found with


class AntispamWorker:
    """Gives each mail its spam status and the marks that its group's policy asks for."""

    def __init__(
        self,
        blobs: Blobs,
        policies: Mapping[str, Policy],
        rules: Rules,
        database: Callable[[], Database],
        storages: Storages,
        archive: Storage,
        notifier: Notifier,
        *,
        version: str,
        licensed: Callable[[], bool],
        count: Callable[[Counter], None] = nobody_counts,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`policies` by the name of the group; that of `POLICY` also serves groups that are gone.

        `database` gives the one in use at that moment.

        What is blocked is kept in `archive`.
        While spam is not `licensed` to be filtered, mail passes as if no policy asked for it.
        """
        self._blobs = blobs
        self._storages = storages
        self._archive = archive
        self._notifier = notifier
        self._policies = {group: (policy, fingerprint(policy)) for group, policy in policies.items()}
        self._rules = rules
        self._database = database
        self._licensed = licensed
        self._version = version
        self._count = count
        self._now = now
        self._clock = clock
        self._remembered: OrderedDict[str, _Seen] = OrderedDict()

    async def handle(self, mail: Mail) -> Outcome:
        """Mark the mail and send it on, or end its way where the policy blocks its status."""
        policy, policy_mark = self._policies.get(mail.group) or self._policies[POLICY]
        if not (policy.check_spam and self._licensed()):
            return Onward(mail)

        seen = await self._look(mail)
        status = status_of(seen.findings, self._rules.degree)
        of = seen.database
        categories = of.categories.with_parents(categories_of(seen.findings))
        verdict = Verdict(status, categories, seen.findings)
        by = Filter(self._version, self._rules.degree, of.edition, of.categories)
        marks = mark(seen.message, verdict, policy.action_spam, by)
        marked = replace(with_edits(mail, marks.edits), top=marks.top + mail.top, spam=status)

        now = self._now()
        analysed = Analysed(mail.id, now, status, seen.findings, policy_mark, seen.database.version)
        if status in policy.quarantine:
            place, code = quarantine_of(policy, status), status_in_storage(status)
            await self._storages.keep(place, as_it_came(mail), code, at=now)
        blocked = status in policy.block
        occasion = Occasion(mail=marked, policy=policy, statuses=frozenset({status}), blocked=blocked)
        notices = await self._notifier.tell(occasion, Stage.ANTISPAM, now)
        self._count(Counter.ANTISPAM_MESSAGES)
        self._count(messages_with(status))
        if not blocked:
            return Onward(marked, (analysed,), notices)
        # The scanner, which writes this line for all other mail, never sees this one.
        maillog.scanned(marked, (status,), ())
        await self._storages.keep(self._archive, marked, status_in_storage(status), at=now)
        maillog.blocked(marked)
        return Finished((analysed, Ended(mail.id, now, Ending.BLOCKED, status)), notices)

    async def _look(self, mail: Mail) -> _Seen:
        database = self._database()
        known = self._remembered.get(mail.body.digest)
        if known and known.database is database:
            self._remembered.move_to_end(mail.body.digest)
            return known

        deadline = self._clock() + self._rules.timeout
        message = Message()
        try:
            async with asyncio.timeout(self._rules.timeout):
                message = read_message(await self._start_of(mail.body))
            if self._rules.max_size and mail.body.size > self._rules.max_size:
                return _Seen(message, (_TOO_LARGE,), database)
            findings = look(message, database, expired=lambda: self._clock() > deadline)
        except TimeoutError:
            _log.warning("the spam analysis took too long: not detected", extra={"mail_id": mail.id})
            return _Seen(message, (_TOO_SLOW,), database)
        return self._remember(mail.body, _Seen(message, findings, database))

    async def _start_of(self, body: BodyRef) -> bytes:
        start = await self._read(body, FIRST_PIECE)
        if header_end(start) < len(start) or len(start) >= body.size:
            return start
        return await self._read(body, MOST_HEADER_BYTES)

    async def _read(self, body: BodyRef, most: int) -> bytes:
        return b"".join([piece async for piece in self._blobs.chunks(body, 0, min(most, body.size))])

    def _remember(self, body: BodyRef, seen: _Seen) -> _Seen:
        if len(seen.message.head) <= FIRST_PIECE:
            self._remembered[body.digest] = seen
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return seen
