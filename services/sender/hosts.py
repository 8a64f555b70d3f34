"""A host that mail can be handed to, and what it says of the recipients it is asked to take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.journey import Answer, RecipientReply
from gateway.domain.mail import Recipient
from gateway.domain.routes import SOCKET
from services.sender.replies import Reply
from services.sender.security import NO_TLS, Security
from services.sender.session import Interrupted


@dataclass(frozen=True, slots=True)
class Host:
    """One address of one next hop, and how it is spoken with."""

    name: str
    ip: str  # or `unix:/path` of a socket
    port: int = 25
    lmtp: bool = False  # else SMTP
    security: Security = NO_TLS

    @property
    def place(self) -> tuple[str, int]:
        """Where it is, whatever it is called."""
        return self.ip, self.port

    @property
    def socket_path(self) -> str:
        """The socket in the file system; "" for a host on the network."""
        return self.ip.removeprefix(SOCKET) if self.ip.startswith(SOCKET) else ""

    def __str__(self) -> str:
        return f"{self.name} [{self.ip}]"


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of the recipients of one destination at one try."""

    replies: tuple[RecipientReply, ...]
    confirms: bool = False  # the next hop sends the notices of success itself (RFC 3461 §5.2.2)
    final: bool = False  # what it took lies in mailboxes: it speaks LMTP (RFC 2033)


Word = Reply | Interrupted
"""What became of one recipient: a reply, or none because the session broke off."""


def answered(to: Recipient, server: Host, word: Word) -> RecipientReply:
    """What a server's `word` means for one recipient."""
    if isinstance(word, Interrupted):
        return RecipientReply(
            to.address, Answer.LATER, str(server), word.code, word.enhanced or "4.4.2", word.reason
        )
    answer = Answer.DELIVERED if word.positive else Answer.REFUSED if word.permanent else Answer.LATER
    return RecipientReply(to.address, answer, str(server), word.code, word.enhanced, word.text)


def unanswered(
    recipients: Iterable[Recipient], answer: Answer, enhanced: str, text: str, *, server: str = ""
) -> Answers:
    """Our own judgement on recipients that no server judged."""
    return Answers(tuple(RecipientReply(to.address, answer, server, 0, enhanced, text) for to in recipients))
