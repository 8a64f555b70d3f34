"""Admission: whether a recipient is taken from a client, and why not.

All rules end in a mask of recipients, so this is judged at RCPT TO, for each recipient (reference, section
25.1). What costs nothing is asked first: a client that may not relay makes nobody ask DNS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from gateway.dns.port import Dns
from gateway.domain.access import Address
from gateway.domain.address import domain_of
from gateway.domain.firstmatch import MaskIndex
from gateway.domain.senders import SenderRules
from gateway.domain.splitting import group_of
from gateway.domain.statistics import Counter
from gateway.records.port import Records
from gateway.runtime import maillog
from gateway.runtime.blocklists import BlockLists
from services.receiver import replies
from services.receiver.access import AccessRules
from services.receiver.greylisting import Greylist
from services.receiver.lookups import Lookups
from services.receiver.patience import Patience
from services.receiver.recipients import Existence, Recipients
from services.receiver.relaying import RelayRules, may_relay
from services.receiver.replies import Reply
from services.receiver.rules import Rules


class Reason(StrEnum):
    """What a recipient was refused for, as the log has it."""

    RELAYING = "relaying"
    SENDER = "sender rule"
    ACCESS = "access rule"
    RECIPIENT = "unknown recipient"
    GREYLIST = "greylist"
    EARLY = "early talker"


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
    rule: str = ""  # the line of the configuration that decided, if one did


_COUNTERS: Mapping[Reason, Counter] = MappingProxyType(
    {
        Reason.RELAYING: Counter.REFUSED_FOR_ACCESS_RULES,
        Reason.SENDER: Counter.REFUSED_FOR_ACCESS_RULES,
        Reason.ACCESS: Counter.REFUSED_FOR_ACCESS_RULES,
        Reason.RECIPIENT: Counter.REFUSED_FOR_UNKNOWN_RECIPIENTS,
        Reason.GREYLIST: Counter.REFUSED_FOR_GREYLISTING,
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the policy of the recipient's group wants to be looked at."""

    recipient: bool = False  # whether it exists
    greylist: bool = False


class Admission:
    """Judges for all sessions of the process."""

    def __init__(
        self,
        rules: Rules,
        dns: Dns,
        lists: BlockLists,
        recipients: Recipients,
        greylist: Greylist,
        records: Records,
    ) -> None:
        self.dns = dns
        self.lists = lists
        self.recipients = recipients
        self.greylist = greylist
        self.records = records
        self.relay = RelayRules(rules.relay)
        self.senders = SenderRules(rules.senders)
        self.access = AccessRules(rules.connect, rules.helo, rules.mailfrom)
        self._groups = rules.groups
        self._protected = MaskIndex(enumerate(rules.protected_domains))
        self._checking = {name for name, policy in rules.policies.items() if policy.check_recipients}
        self._greylisting = {name for name, policy in rules.policies.items() if policy.greylist}

        self.patience = Patience(rules.greeting_pause, self._is_known)

    def wanted(self, request: Request) -> Wanted:
        """What the policy wants."""
        if not (self._checking or self._greylisting):
            return Wanted()
        group = group_of(request.sender, request.recipient, self._groups)
        is_ours = domain_of(request.recipient) in self._protected
        return Wanted(is_ours and group in self._checking, group in self._greylisting)

    def _is_known(self, client: Address) -> bool:
        """Whether the operator named that client, or it has proved itself."""
        return (
            self.relay.trusts(client)
            or self.senders.allows_network(client)
            or self.greylist.knows(self.greylist.network_of(client))
        )


class Visitor:
    """One client, from its coming to its leaving."""

    def __init__(self, admission: Admission, client: Address) -> None:
        self._admission = admission
        self._client = client
        self._lookups = Lookups(client, admission.dns, admission.lists)

    def pause(self) -> float:
        """Seconds that the client has to be silent before it is greeted."""
        return self._admission.patience.pause_before(self._client)

    def kept_silent(self) -> None:
        """It was."""
        self._admission.patience.waited(self._client)

    def spoke_early(self) -> Reply:
        """It was not: what to say instead of the greeting."""
        counters = Counter.INCOMING_CONNECTIONS_REFUSED, Counter.REFUSED_FOR_EARLY_TALKING
        maillog.refused(self._admission.records.count, counters, str(self._client), Reason.EARLY)
        return replies.SPOKE_EARLY

    async def refusal(self, request: Request) -> Reply | None:
        """What to say to a recipient that is not taken; None when it is."""
        found = await self._judge(request)
        if found is None:
            return None
        maillog.refused(
            self._admission.records.count,
            (Counter.RECEIVINGS_REFUSED, _COUNTERS[found.reason]),
            str(self._client),
            found.reason,
            helo=request.helo,
            sender=request.sender,
            recipient=request.recipient,
            rule=found.rule,
        )
        return found.reply

    async def _judge(self, request: Request) -> Refusal | None:
        relaying = self._admission.relay.deciding(self._client, request.recipient)
        if not may_relay(relaying, request.recipient):
            return Refusal(replies.RELAYING_DENIED, Reason.RELAYING, str(relaying or ""))

        listed = self._admission.senders.deciding(self._client, request.sender, request.recipient)
        if listed is not None and not listed.allows:
            return Refusal(replies.ACCESS_DENIED, Reason.SENDER, str(listed))
        if listed is None and (denied := await self._denied_access(request)):
            return denied

        wanted = self._admission.wanted(request)
        if wanted.recipient and self._admission.recipients.known(request.recipient) is Existence.UNKNOWN:
            return _UNKNOWN
        is_stranger = listed is None and not (relaying and relaying.names_client)
        if wanted.greylist and is_stranger and not await self._lets_pass(request):
            return Refusal(replies.COME_AGAIN, Reason.GREYLIST)
        # At last, since strangers shall not make us try names on the next hop.
        return await self._unknown_recipient(request) if wanted.recipient else None

    async def _denied_access(self, request: Request) -> Refusal | None:
        access = self._admission.access
        questions = access.questions(request.recipient)
        facts = await self._lookups.facts(questions, request.helo, request.sender)
        denial = access.denial(request.recipient, facts)
        return Refusal(denial.reply, Reason.ACCESS, str(denial.rule)) if denial else None

    async def _lets_pass(self, request: Request) -> bool:
        greylist = self._admission.greylist
        network = greylist.network_of(self._client)
        if greylist.knows(network):
            return True
        # Who may send for a domain may try again from any of its servers.
        client = await self._lookups.vouching_domain(request.helo, request.sender) or network
        return greylist.knows(client) or await greylist.lets_pass(client, request.sender, request.recipient)

    async def _unknown_recipient(self, request: Request) -> Refusal | None:
        existence = self._admission.recipients.known(request.recipient)
        if existence is Existence.UNSURE:
            existence = await self._admission.recipients.asked(request.recipient)
        match existence:
            case Existence.UNKNOWN:
                return _UNKNOWN
            case Existence.UNSURE if not self._admission.recipients.accepts_unsure:
                return Refusal(replies.RECIPIENT_NOT_SURE, Reason.RECIPIENT)
        return None


_UNKNOWN = Refusal(replies.NO_SUCH_RECIPIENT, Reason.RECIPIENT)
