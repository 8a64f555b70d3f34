"""Virtual copies: one mail for the recipients of each group (manual, chapters 4.1 and 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.domain.address import domain_of, matches_any
from gateway.domain.mail import POLICY, BodyRef, Envelope, Mail, Recipient
from gateway.domain.pipeline import ROUTE, Stage
from gateway.domain.policy import Group

_NULL_SENDER = "@"
"""How the null sender is shown to masks: `*` and `*@*` name it, no mask with a name in it does."""


@dataclass(frozen=True, slots=True)
class Share:
    """The recipients of one group, and the stage that has their copy first."""

    group: str  # its name, POLICY for recipients that no group claims
    recipients: tuple[Recipient, ...]
    stage: Stage


def split_by_group(
    envelope: Envelope, groups: Sequence[Group], protected_domains: Sequence[str]
) -> tuple[Share, ...]:
    """The recipients of each group, in the order in which the groups meet the envelope's recipients.

    The first group in file order that names sender and recipient has the pair. A share with nobody from
    a protected domain in it, sender included, goes straight to the sender: it is not ours to check.
    """
    of_sender = _of_sender(envelope.sender, groups)
    is_from_us = matches_any(protected_domains, domain_of(envelope.sender))

    shares: dict[str, list[Recipient]] = {}
    for recipient in envelope.recipients:
        shares.setdefault(_claiming(recipient.address, of_sender), []).append(recipient)
    return tuple(
        Share(group, tuple(recipients), _first_stage(recipients, protected_domains, is_from_us=is_from_us))
        for group, recipients in shares.items()
    )


def virtual_copies(
    message_id: str,
    envelope: Envelope,
    body: BodyRef,
    header_id: str,
    shares: Sequence[Share],
    new_id: Callable[[], str],
    subject: str = "",
) -> tuple[tuple[Stage, Mail], ...]:
    """A mail for each share, and the stage that has it first.

    The first mail keeps the id of the message; all say which message they come from.
    """
    return tuple(
        (
            share.stage,
            Mail(
                id=new_id() if number else message_id,
                source_id=message_id,
                envelope=envelope if len(shares) == 1 else replace(envelope, recipients=share.recipients),
                body=body,
                group=share.group,
                message_id=header_id,
                subject=subject,
            ),
        )
        for number, share in enumerate(shares)
    )


def group_of(sender: str, recipient: str, groups: Sequence[Group]) -> str:
    """The name of the group that has this pair, `POLICY` if none does."""
    return _claiming(recipient, _of_sender(sender, groups))


def _of_sender(sender: str, groups: Sequence[Group]) -> Sequence[Group]:
    return [group for group in groups if matches_any(group.senders, sender or _NULL_SENDER)]


def _claiming(recipient: str, groups: Sequence[Group]) -> str:
    return next((group.name for group in groups if matches_any(group.recipients, recipient)), POLICY)


def _first_stage(recipients: Sequence[Recipient], protected: Sequence[str], *, is_from_us: bool) -> Stage:
    is_ours = is_from_us or any(matches_any(protected, domain_of(to.address)) for to in recipients)
    return ROUTE[0] if is_ours else Stage.SENDER
