"""The connect, HELO and MAIL FROM rules, judged over what DNS says of a session (reference, section 12.4).

What DNS cannot tell now is only of importance where it could change the verdict: then the client is told
to come again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.access import (
    ConnectCondition,
    ConnectRule,
    HeloCondition,
    HeloRule,
    MailfromCondition,
    MailfromRule,
)
from gateway.domain.firstmatch import MaskIndex, in_order
from services.receiver import replies
from services.receiver.replies import Reply


class Fact(StrEnum):
    """What DNS can be asked about a session."""

    CLIENT_NAME = "a host name is found for the client's address"
    CLIENT_LISTED = "a DNS black list has the client's address"
    HELO_ADDRESS = "the name given in HELO has an address"
    HELO_CLIENT = "the name given in HELO has the client's address"
    SENDER_ADDRESS = "the sender's domain has an address"
    SENDER_MX = "the sender's domain has a mail exchanger"


@dataclass(frozen=True, slots=True)
class Facts:
    """What DNS said. Of the null sender, which has no domain, nothing is said: nor does the opposite hold."""

    said: Mapping[Fact, bool | None] = field(default_factory=dict)  # None: nobody knows now
    listed_by: tuple[str, ...] = ()  # the zones of the lists that have the client


Rule = ConnectRule | HeloRule | MailfromRule


@dataclass(frozen=True, slots=True)
class Denial:
    """A rule that keeps a recipient from the client, or may do so, for all that is known now."""

    rule: Rule
    reply: Reply


_ASKS: Mapping[tuple[type[Rule], str], tuple[Fact, bool]] = {
    (ConnectRule, ConnectCondition.HAS_NAME): (Fact.CLIENT_NAME, True),
    (ConnectRule, ConnectCondition.NO_NAME): (Fact.CLIENT_NAME, False),
    (ConnectRule, ConnectCondition.IN_DNSBL): (Fact.CLIENT_LISTED, True),
    (ConnectRule, ConnectCondition.OUT_DNSBL): (Fact.CLIENT_LISTED, False),
    (HeloRule, HeloCondition.HAS_IP): (Fact.HELO_ADDRESS, True),
    (HeloRule, HeloCondition.NO_IP): (Fact.HELO_ADDRESS, False),
    (HeloRule, HeloCondition.SAME_IP): (Fact.HELO_CLIENT, True),
    (HeloRule, HeloCondition.DIFF_IP): (Fact.HELO_CLIENT, False),
    (MailfromRule, MailfromCondition.HAS_IP): (Fact.SENDER_ADDRESS, True),
    (MailfromRule, MailfromCondition.NO_IP): (Fact.SENDER_ADDRESS, False),
    (MailfromRule, MailfromCondition.HAS_MX): (Fact.SENDER_MX, True),
    (MailfromRule, MailfromCondition.NO_MX): (Fact.SENDER_MX, False),
}
"""The fact that each condition is about, and what it has to be. `any` is about none, and always holds."""

_REASONS: Mapping[tuple[type[Rule], str], Reply] = {
    (ConnectRule, ConnectCondition.NO_NAME): replies.NO_CLIENT_NAME,
    (HeloRule, HeloCondition.NO_IP): replies.NO_HELO_ADDRESS,
    (HeloRule, HeloCondition.DIFF_IP): replies.NOT_YOUR_NAME,
    (MailfromRule, MailfromCondition.NO_IP): replies.NO_SENDER_ADDRESS,
    (MailfromRule, MailfromCondition.NO_MX): replies.NO_SENDER_MX,
}
"""What to answer where the sending side can do something about it."""


class AccessRules:
    """`ConnectRule`, `HeloRule` and `MailfromRule`: a recipient must be allowed by all three."""

    def __init__(
        self, connect: Sequence[ConnectRule], helo: Sequence[HeloRule], mailfrom: Sequence[MailfromRule]
    ) -> None:
        self._parameters = [_Parameter(rules) for rules in (connect, helo, mailfrom) if rules]

    def questions(self, recipient: str) -> frozenset[Fact]:
        """What has to be known to judge about `recipient`."""
        return frozenset(fact for rules in self._parameters for fact in rules.questions(recipient))

    def denial(self, recipient: str, facts: Facts) -> Denial | None:
        """What keeps `recipient` from this client; the surest denial, if there are several."""
        denials = [found for rules in self._parameters if (found := rules.denial(recipient, facts))]
        return max(denials, key=lambda found: found.reply.code, default=None)


class _Parameter:
    """The rules of one parameter, in their order: the first that matches decides, and none allows."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._recipients = MaskIndex((number, rule.recipients) for number, rule in enumerate(rules))

    def questions(self, recipient: str) -> Collection[Fact]:
        """The facts that its rules about `recipient` ask for."""
        about = self._about(recipient)
        return {asked[0] for rule in about if (asked := _ASKS.get((type(rule), rule.condition)))}

    def denial(self, recipient: str, facts: Facts) -> Denial | None:
        """The rule that denies `recipient`, or may do so."""
        unsure: list[Rule] = []
        for rule in self._about(recipient):
            holds = _holds(rule, facts.said)
            if holds:
                return _judged([*unsure, rule], facts)
            if holds is None:
                unsure.append(rule)
        return _judged(unsure, facts, otherwise_allowed=True)

    def _about(self, recipient: str) -> Iterator[Rule]:
        """The rules that can decide about `recipient`, in order: up to the one that always holds."""
        for number in in_order(self._recipients.naming(recipient)):
            rule = self._rules[number]
            yield rule
            if (type(rule), rule.condition) not in _ASKS:
                return


def _holds(rule: Rule, said: Mapping[Fact, bool | None]) -> bool | None:
    """Whether the condition of a rule holds; None when nobody knows now."""
    asked = _ASKS.get((type(rule), rule.condition))
    if asked is None:
        return True
    fact, expected = asked
    if fact not in said:
        return False
    known = said[fact]
    return None if known is None else known is expected


def _judged(possible: Sequence[Rule], facts: Facts, *, otherwise_allowed: bool = False) -> Denial | None:
    """What the rules, one of which decides, mean together; `otherwise_allowed` if perhaps none does."""
    outcomes = {rule.allows for rule in possible} | ({True} if otherwise_allowed else set())
    if outcomes == {True}:
        return None
    if outcomes == {False}:
        return Denial(possible[-1], _reason(possible[-1], facts))
    return Denial(next(rule for rule in possible if not rule.allows), replies.CANNOT_JUDGE_NOW)


def _reason(rule: Rule, facts: Facts) -> Reply:
    if isinstance(rule, ConnectRule) and rule.condition is ConnectCondition.IN_DNSBL:
        return replies.listed(facts.listed_by[0])
    return _REASONS.get((type(rule), rule.condition), replies.ACCESS_DENIED)
