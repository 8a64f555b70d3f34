"""The analysis of a mail: its message is read, the facts about its sender are gathered, the checks look.

Copies of a message are analysed once. Whatever goes wrong, the mail goes on with what is known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from gateway.domain.authentication import Authentication
from gateway.domain.journey import Finding
from gateway.domain.mail import Mail
from gateway.domain.statistics import Counter, nobody_counts
from services.antispam.checks import CHECKS, Check
from services.antispam.facts import Facts
from services.antispam.knowledge import Knowledge
from services.antispam.listings import NO_LISTS, Listings
from services.antispam.looking import Looked, look
from services.antispam.message import Message
from services.antispam.reader import MessageReader

MOST_REMEMBERED = 1024
"""Messages whose findings are kept for their other copies."""

LONGEST_HEAD = 1 << 14
"""Bytes of a header block that is kept with them; what is longer is looked at again."""

MOST_AT_ONCE = 20_000
"""Characters of a message that the checks look at on the spot; longer ones have a thread."""

_TOO_LARGE = Finding("max_size", "the message is too large to be analysed")
_TOO_SLOW = Finding("timeout", "the analysis took too long")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """What `[smtpgw.antispam]` says, and whom the gateway protects."""

    max_size: int = 0  # bytes, 0 is no limit
    timeout: float = 30.0  # seconds
    our_domains: tuple[str, ...] = ()  # masks


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a mail once it was analysed."""

    message: Message  # of which only the header block counts: the rest is forgotten
    findings: tuple[Finding, ...]
    knowledge: Knowledge  # that they were found with


@dataclass(frozen=True, slots=True)
class _Key:
    """All that the findings depend on."""

    digest: str
    sender: str
    client_ip: str
    helo: str
    authentication: Authentication | None


class Analyst:
    """Analyses mail, each message once."""

    def __init__(
        self,
        reader: MessageReader,
        rules: Rules,
        knowledge: Callable[[], Knowledge],
        *,
        listings: Listings = NO_LISTS,
        checks: Sequence[Check] = CHECKS,
        count: Callable[[Counter], None] = nobody_counts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`knowledge` gives what is known at that moment."""
        self._reader = reader
        self._rules = rules
        self._knowledge = knowledge
        self._listings = listings
        self._checks = checks
        self._count = count
        self._clock = clock
        self._remembered: OrderedDict[_Key, Seen] = OrderedDict()
        self._working: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    async def analyse(self, mail: Mail) -> Seen:
        """What was found. Nothing in the message makes this fail; what cannot be read has no findings."""
        knowledge = self._knowledge()
        key = _Key(
            mail.body.digest,
            mail.envelope.sender,
            mail.envelope.client_ip,
            mail.envelope.helo,
            mail.authentication,
        )
        # The copies of one message come together: the first one looks for all.
        async with self._working.setdefault(key, asyncio.Lock()):
            known = self._remembered.get(key)
            if known and known.knowledge == knowledge:
                self._remembered.move_to_end(key)
                return known
            return await self._analyse(mail, key, knowledge)

    async def _analyse(self, mail: Mail, key: _Key, knowledge: Knowledge) -> Seen:
        rules = self._rules
        deadline = self._clock() + rules.timeout
        message = Message()
        try:
            async with asyncio.timeout(rules.timeout):
                if rules.max_size and mail.body.size > rules.max_size:
                    message = await self._reader.read_head(mail.body)
                    return Seen(message, (_TOO_LARGE,), knowledge)
                message = await self._reader.read(mail.body, rules.timeout)
                facts = await self._facts(mail, message)
                looked = await self._look(message, facts, knowledge, deadline)
        except TimeoutError:
            _log.warning("the spam analysis took too long: not detected", extra={"mail_id": mail.id})
            self._count(Counter.ANTISPAM_TIMEOUTS)
            return Seen(message, (_TOO_SLOW,), knowledge)
        self._tell(mail, message, looked)
        return self._remember(key, Seen(_head_of(message), looked.findings, knowledge))

    async def _look(self, message: Message, facts: Facts, knowledge: Knowledge, deadline: float) -> Looked:
        def expired() -> bool:
            return self._clock() > deadline

        if len(message.words) + len(message.hidden) <= MOST_AT_ONCE:
            return look(message, knowledge, facts, expired=expired, checks=self._checks)
        return await asyncio.to_thread(look, message, knowledge, facts, expired=expired, checks=self._checks)

    async def _facts(self, mail: Mail, message: Message) -> Facts:
        client, our_domains = mail.envelope.client_ip, self._rules.our_domains
        listed = await self._listings.about(client, message.links, our_domains)
        return Facts(
            authentication=mail.authentication,
            client_ip=client,
            helo=mail.envelope.helo,
            sender=mail.envelope.sender,
            our_domains=our_domains,
            listed_by=listed.client,
            listed_links=listed.links,
        )

    def _tell(self, mail: Mail, message: Message, looked: Looked) -> None:
        for trouble in message.troubles:
            _log.info("not all of a message was read: %s", trouble, extra={"mail_id": mail.id})
        for left_out in looked.left_out:
            self._count(Counter.ANTISPAM_CHECKS_LEFT_OUT)
            _log.error(
                "the check %s failed and was left out: %s",
                left_out.check,
                left_out.reason,
                extra={"mail_id": mail.id},
            )

    def _remember(self, key: _Key, seen: Seen) -> Seen:
        if len(seen.message.head) <= LONGEST_HEAD:
            self._remembered[key] = seen
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return seen


def _head_of(message: Message) -> Message:
    """The part of a message that is needed to mark it."""
    return Message(message.head, message.fields, message.subject_fields, message.subjects)
