"""Who may send: black lists and relay rules."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.draft import Draft
from gateway.config.findings import Finding, warning
from gateway.config.sections.gateway import RecipientsSection
from gateway.config.sections.site import AccessSection, ForwardSection
from gateway.domain.access import ConnectCondition
from gateway.domain.address import covers


def black_list_is_missing(draft: Draft) -> Iterator[Finding]:
    """Conditions on DNS black lists, and the lists, need each other."""
    access = draft.value(AccessSection)
    if access is None:
        return
    asked = False
    for number, rule in enumerate(access.connect_rule):
        place = draft.place(AccessSection, "connect_rule", number)
        match rule.condition:
            case ConnectCondition.IN_DNSBL if not access.dns_black_list:
                yield Finding(place, "in_dnsbl can never match without a list: add a DNSBlackList")
            case ConnectCondition.OUT_DNSBL if not access.dns_black_list:
                yield warning(place, "out_dnsbl always matches without a list: add a DNSBlackList")
            case ConnectCondition.IN_DNSBL | ConnectCondition.OUT_DNSBL:
                asked = True
            case _:
                pass
    if access.dns_black_list and not asked:
        yield warning(
            draft.place(AccessSection, "dns_black_list"),
            "no ConnectRule asks these lists: add one with in_dnsbl, or remove them",
        )


def relay_is_open(draft: Draft) -> Iterator[Finding]:
    """Spammers find a relay that takes mail from everybody for everybody within hours."""
    access = draft.value(AccessSection)
    for number, rule in enumerate(access.relay_rule if access else ()):
        if rule.allows and not rule.names_client and _names_everybody(rule.recipients):
            yield warning(
                draft.place(AccessSection, "relay_rule", number),
                "this makes an open relay, which takes mail from anybody for anybody: allow from any only "
                "to your own domains",
            )


def _names_everybody(mask: str) -> bool:
    # Most masks have letters: no need to make an expression of each of ten thousand.
    return not mask.strip("*@") and covers(mask, "*@*")


def nobody_may_send(draft: Draft) -> Iterator[Finding]:
    """Without a relay rule that allows, every recipient is refused."""
    access = draft.value(AccessSection)
    if access and not any(rule.allows for rule in access.relay_rule):
        yield warning(
            draft.place(AccessSection, "relay_rule"),
            "no RelayRule allows anything, so all mail is refused: add RelayRule=allow from any to "
            "*@your.domain",
        )


def recipients_are_not_known(draft: Draft) -> Iterator[Finding]:
    """To check recipients, something has to say which of them exist."""
    recipients, forward = draft.value(RecipientsSection), draft.value(ForwardSection)
    if recipients is None:
        return
    checking = [built for built in draft.policies if built.section and built.section.check_recipients]
    if recipients.ask_next_hop and forward and not forward.forward_route:
        yield Finding(
            draft.place(RecipientsSection, "ask_next_hop"),
            "no ForwardRoute names a next hop that could be asked: add one, or a list of Known recipients",
        )
    if checking and not (recipients.known or recipients.ask_next_hop):
        yield Finding(
            checking[0].place_of("check_recipients"),
            "CheckRecipients would refuse all recipients in protected domains: add Known, or AskNextHop, "
            "to [gateway.recipients]",
        )
    if not checking and (recipients.known or recipients.ask_next_hop):
        yield warning(
            draft.place(RecipientsSection, "known" if recipients.known else "ask_next_hop"),
            "no policy checks recipients: add CheckRecipients=yes to [smtpgw.policy] or to a group",
        )
