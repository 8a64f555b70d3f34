"""A host that mail can be handed to, and what it says of the recipients it is asked to take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.journey import Answer, RecipientReply
from gateway.domain.mail import Recipient
from services.sender.replies import Reply


@dataclass(frozen=True, slots=True)
class Host:
    """One address of one next hop."""

    name: str
    ip: str
    port: int = 25

    def __str__(self) -> str:
        return f"{self.name} [{self.ip}]"


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of the recipients of one destination at one try."""

    replies: tuple[RecipientReply, ...]
    confirms: bool = False  # the next hop sends the notices of success itself (RFC 3461 §5.2.2)


def answered(to: Recipient, server: Host, reply: Reply) -> RecipientReply:
    """What a server's `reply` means for one recipient."""
    answer = Answer.DELIVERED if reply.positive else Answer.REFUSED if reply.permanent else Answer.LATER
    return RecipientReply(to.address, answer, str(server), reply.code, reply.enhanced, reply.text)


def unanswered(
    recipients: Iterable[Recipient],
    answer: Answer,
    enhanced: str,
    text: str,
    *,
    server: str = "",
    code: int = 0,
) -> Answers:
    """Our own judgement on recipients that no server judged."""
    return Answers(
        tuple(RecipientReply(to.address, answer, server, code, enhanced, text) for to in recipients)
    )
