"""Rules, routes, groups and values that can never take effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from gateway.config.coverage import (
    Claim,
    claim_of_relay_rule,
    claim_of_route,
    claim_of_rule,
    claim_of_sender_rule,
    covered,
    covers_all,
)
from gateway.config.draft import Draft
from gateway.config.findings import Finding, warning
from gateway.config.names import parameter_name
from gateway.config.sections.gateway import EnginesSection, GatewayAccessSection, RecipientsSection
from gateway.config.sections.policy import MembersSection
from gateway.config.sections.section import Section
from gateway.config.sections.site import (
    AccessSection,
    ForwardSection,
    NetworkSection,
)
from gateway.config.sections.transport import DeliverySection, TlsSection


def rule_never_matches(draft: Draft) -> Iterator[Finding]:
    """A rule that an earlier one of its parameter covers does nothing."""
    access = draft.value(AccessSection)
    if access is None:
        return
    claims: dict[str, list[Claim]] = {
        "connect_rule": [claim_of_rule(rule) for rule in access.connect_rule],
        "helo_rule": [claim_of_rule(rule) for rule in access.helo_rule],
        "mailfrom_rule": [claim_of_rule(rule) for rule in access.mailfrom_rule],
        "relay_rule": [claim_of_relay_rule(rule) for rule in access.relay_rule],
    }
    for attribute, rules in claims.items():
        yield from _never(draft, AccessSection, attribute, rules)


def sender_rule_never_matches(draft: Draft) -> Iterator[Finding]:
    """The same for the list of senders."""
    if access := draft.value(GatewayAccessSection):
        rules = [claim_of_sender_rule(rule) for rule in access.sender_rule]
        yield from _never(draft, GatewayAccessSection, "sender_rule", rules)


def route_never_matches(draft: Draft) -> Iterator[Finding]:
    """A route that an earlier one covers is never taken."""
    if forward := draft.value(ForwardSection):
        routes = [claim_of_route(route) for route in forward.forward_route]
        yield from _never(draft, ForwardSection, "forward_route", routes)


def tls_rule_never_matches(draft: Draft) -> Iterator[Finding]:
    """A rule for destinations that an earlier one covers is never taken."""
    if tls := draft.value(TlsSection):
        yield from _never(draft, TlsSection, "tls_rule", [Claim(rule.mask) for rule in tls.tls_rule])


def _never(draft: Draft, model: type[Section], attribute: str, claims: Sequence[Claim]) -> Iterator[Finding]:
    for number, earlier in covered(claims):
        yield Finding(
            draft.place(model, attribute, number),
            f"this {parameter_name(attribute)} can never match, because the one at "
            f"{draft.place(model, attribute, earlier)} takes all that it names: put it first, or remove it",
        )


def group_claims_nothing(draft: Draft) -> Iterator[Finding]:
    """A group that an earlier one covers gets no mail. One with an empty list is switched off on purpose."""
    known = [
        (group, group.members.section) for group in draft.groups if group.is_known and group.members.section
    ]
    for number, (group, members) in enumerate(known):
        if not (members.senders and members.recipients):
            continue
        earlier = next((other for other, others in known[:number] if _takes_all(others, members)), None)
        if earlier:
            yield Finding(
                group.members.place,
                f"the group {group.name} can never match, because {earlier.name} at {earlier.members.place} "
                "claims all its mail: put it first, or remove it",
            )


def _takes_all(earlier: MembersSection, later: MembersSection) -> bool:
    return covers_all(earlier.senders, later.senders) and covers_all(earlier.recipients, later.recipients)


def group_claims_everything(draft: Draft) -> Iterator[Finding]:
    """A group has to say whose mail it is for."""
    for group in draft.groups:
        if not group.says_whose:
            yield Finding(
                group.members.place,
                f"the group {group.name} has neither Senders nor Recipients: add at least one of them",
            )


def value_is_given_twice(draft: Draft) -> Iterator[Finding]:
    """The same value again does nothing."""
    lists: tuple[tuple[type[Section], str], ...] = (
        (AccessSection, "dns_black_list"),
        (NetworkSection, "protected_domains"),
        (RecipientsSection, "known"),
        (EnginesSection, "engine"),
        (DeliverySection, "own_address"),
    )
    for model, attribute in lists:
        seen: Counter[str] = Counter()
        for number, value in enumerate(getattr(draft.value(model), attribute, ())):
            seen[str(value).lower()] += 1
            if seen[str(value).lower()] == 2:
                place = draft.place(model, attribute, number)
                yield warning(
                    place, f"{parameter_name(attribute)}={value} is given twice: remove one of the two"
                )
