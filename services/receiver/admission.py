"""Admission: whether a recipient is taken from a client, and why not.

All rules end in a mask of recipients, so this is judged at RCPT TO, for each recipient (reference, section
25.1). What costs nothing is asked first: a client that may not relay makes nobody ask DNS.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.dns.port import Dns
from gateway.domain.access import Address
from gateway.domain.senders import SenderRules
from gateway.domain.statistics import Counter
from gateway.records.port import Records
from gateway.runtime import maillog
from services.receiver import replies
from services.receiver.access import AccessRules
from services.receiver.blocklists import BlockLists
from services.receiver.lookups import Lookups
from services.receiver.relaying import RelayRules, may_relay
from services.receiver.replies import Reply
from services.receiver.rules import Rules


class Reason(StrEnum):
    """What a recipient was refused for, as the log has it."""

    RELAYING = "relaying"
    SENDER = "sender rule"
    ACCESS = "access rule"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client said up to its RCPT TO."""

    helo: str
    sender: str  # "" is the null sender
    recipient: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a recipient is not taken."""

    reply: Reply
    reason: Reason
    rule: str  # the line of the configuration that decided, "" when none allowed it


_COUNTERS = (Counter.RECEIVINGS_REFUSED, Counter.REFUSED_FOR_ACCESS_RULES)


class Admission:
    """Judges for all sessions of the process."""

    def __init__(self, rules: Rules, dns: Dns, lists: BlockLists, records: Records) -> None:
        self.dns = dns
        self.lists = lists
        self.records = records
        self.relay = RelayRules(rules.relay)
        self.senders = SenderRules(rules.senders)
        self.access = AccessRules(rules.connect, rules.helo, rules.mailfrom)


class Visitor:
    """One client, from its coming to its leaving."""

    def __init__(self, admission: Admission, client: Address) -> None:
        self._admission = admission
        self._client = client
        self._lookups = Lookups(client, admission.dns, admission.lists)

    async def refusal(self, request: Request) -> Reply | None:
        """What to say to a recipient that is not taken; None when it is."""
        found = await self._judge(request)
        if found is None:
            return None
        for counter in _COUNTERS:
            self._admission.records.count(counter)
        maillog.refused("", found.reason, str(self._client), request.sender, request.recipient, found.rule)
        return found.reply

    async def _judge(self, request: Request) -> Refusal | None:
        relaying = self._admission.relay.deciding(self._client, request.recipient)
        if not may_relay(relaying, request.recipient):
            return Refusal(replies.RELAYING_DENIED, Reason.RELAYING, str(relaying or ""))

        listed = self._admission.senders.deciding(self._client, request.sender, request.recipient)
        if listed is None:
            return await self._denied_access(request)
        if not listed.allows:
            return Refusal(replies.ACCESS_DENIED, Reason.SENDER, str(listed))
        return None

    async def _denied_access(self, request: Request) -> Refusal | None:
        access = self._admission.access
        questions = access.questions(request.recipient)
        facts = await self._lookups.facts(questions, request.helo, request.sender)
        denial = access.denial(request.recipient, facts)
        return Refusal(denial.reply, Reason.ACCESS, str(denial.rule)) if denial else None
