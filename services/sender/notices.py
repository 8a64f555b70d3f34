"""Delivery status notifications: what a sender is told of its recipients (RFC 3461, 3464, 6533).

A report has three parts: text for a person, fields for a program, and the message or its header. The
last one is not held here: the report is what comes before it and what comes after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from types import MappingProxyType

from gateway.domain.headers import fields, named, text_value
from gateway.domain.journey import Answer, RecipientReply
from gateway.domain.mail import BodyRef, Envelope, Mail, Notify, Recipient, Return
from gateway.domain.template import Macros, Parent, Template
from services.sender.xtext import from_embedded, from_xtext

PRODUCT = "Mailwarden"

LARGEST_RETURNED = 1 << 20
"""Bytes of a message that is returned whole; of a larger one only the header goes back."""
LARGEST_HEADER = 64 * 1024
"""Bytes of a header that go back."""
LONGEST_TEXT = 800
"""Characters of a reply that are repeated: a line of a message may have 998 (RFC 5322 §2.1.1)."""

EXPIRED = "4.4.7"
"""The status of a recipient that was tried for too long (RFC 3463 §3.5)."""


TOO_LARGE = "5.3.4"
"""The status of a recipient whose server takes no message of that size (RFC 3463 §3.4)."""


class Action(StrEnum):
    """What became of a recipient, in the words of RFC 3464 §2.3.3.

    We expand no lists, so `expanded` is never said.
    """

    FAILED = "failed"
    DELAYED = "delayed"
    RELAYED = "relayed"
    DELIVERED = "delivered"


_STATUS: Mapping[Action, str] = MappingProxyType(
    {Action.FAILED: "5.0.0", Action.DELAYED: "4.0.0", Action.RELAYED: "2.0.0", Action.DELIVERED: "2.0.0"}
)
"""What is said where nobody gave a status code."""

_SUBJECT: Mapping[Action, str] = MappingProxyType(
    {
        Action.FAILED: "Your message could not be delivered",
        Action.DELAYED: "Your message is delayed",
        Action.RELAYED: "Your message was passed on",
        Action.DELIVERED: "Your message was delivered",
    }
)
"""The subject of a report: that of the first action that occurs in it."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient, and with which answer. `Answer.LATER`: it is still tried."""

    to: Recipient
    reply: RecipientReply
    confirmed: bool = False  # the server that took it sends the notice of success itself
    final: bool = False  # the server that took it has it in a mailbox
    expired: bool = False  # it was not refused: its time was over

    @property
    def action(self) -> Action:
        """The word for it."""
        match self.reply.answer:
            case Answer.REFUSED:
                return Action.FAILED
            case Answer.LATER:
                return Action.DELAYED
            case Answer.DELIVERED:
                return Action.DELIVERED if self.final else Action.RELAYED

    @property
    def status(self) -> str:
        """The status code that stands in the report."""
        if self.expired:
            return EXPIRED
        return self.reply.enhanced or _STATUS[self.action]


@dataclass(frozen=True, slots=True)
class Site:
    """Who reports."""

    hostname: str
    postmaster: str
    template: Template
    lifetime: timedelta  # how long mail is tried


@dataclass(frozen=True, slots=True)
class _Kinds:
    """The types of the parts of a report."""

    status: str
    encoding: str  # of the status
    message: str
    header: str

    def clean(self, status: str) -> str:
        """The status as its encoding allows."""
        return status.encode("ascii", "replace").decode() if self.encoding == "7bit" else status


_KINDS: Mapping[bool, _Kinds] = MappingProxyType(
    {
        False: _Kinds("message/delivery-status", "7bit", "message/rfc822", "text/rfc822-headers"),
        True: _Kinds("message/global-delivery-status", "8bit", "message/global", "message/global-headers"),
    }
)
"""By whether the report has to hold UTF-8: those of RFC 3464, and those of RFC 6533."""


@dataclass(frozen=True, slots=True)
class Report:
    """A notification without the returned message, which belongs between the two."""

    before: bytes
    after: bytes


def to_be_told(mail: Mail, fates: Iterable[Fate], *, delays_unasked: bool = False) -> tuple[Fate, ...]:
    """Those that the sender wants to hear of (RFC 3461 §4.1). Nobody answers the null sender.

    Of delays hears who asked, once for each recipient; with `delays_unasked` also who did not say what he
    wants to hear.
    """
    if not mail.envelope.sender:
        return ()
    return tuple(fate for fate in fates if _wants_to_hear(fate, delays_unasked=delays_unasked))


def returns_whole(mail: Mail, fates: Sequence[Fate]) -> bool:
    """Whether the whole message goes back and not only its header (RFC 3461 §4.3)."""
    failed = [fate.status for fate in fates if fate.action is Action.FAILED]
    if not failed or mail.envelope.returns is Return.HDRS:
        return False
    # What was too large for its recipient is likely to be too large on its way back.
    return mail.size <= LARGEST_RETURNED and TOO_LARGE not in failed


def report(
    mail: Mail, fates: Sequence[Fate], header: bytes, site: Site, notice_id: str, now: datetime
) -> Report:
    """The notification about `fates`. `header` is that of the message; `notice_id` names the notice."""
    whole, kinds = returns_whole(mail, fates), _KINDS[is_international(mail)]
    boundary = f"report-{notice_id}"  # nobody could know it when the returned message was written
    actions = {fate.action for fate in fates}
    text = site.template.render(_macros(mail, fates, header, site))
    status = kinds.clean(_status_fields(mail, fates, site, now))
    top = _block(
        {
            "From": f"Mail gateway <{site.postmaster}>",
            "To": f"<{_line(mail.envelope.sender)}>",
            "Subject": next(subject for action, subject in _SUBJECT.items() if action in actions),
            "Date": format_datetime(now),
            "Message-ID": f"<{notice_id}@{site.hostname}>",
            "Auto-Submitted": "auto-replied",
            "MIME-Version": "1.0",
            "Content-Type": f'multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"',
            "Content-Transfer-Encoding": "8bit",
        }
    )
    parts = (
        f"--{boundary}\r\n{_part('text/plain; charset=utf-8')}\r\n{text}\r\n",
        f"--{boundary}\r\n{_part(kinds.status, kinds.encoding)}\r\n{status}\r\n",
        f"--{boundary}\r\n{_part(kinds.message if whole else kinds.header)}\r\n",
    )
    before = "".join((top, "\r\n", *parts))
    return Report(before.encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode())


def is_international(mail: Mail) -> bool:
    """Whether a report about `mail` needs the types that hold UTF-8 (RFC 6533 §4)."""
    addresses = (mail.envelope.sender, *(to.address for to in mail.envelope.recipients))
    return mail.envelope.utf8 or not all(address.isascii() for address in addresses)


def notice(
    mail: Mail, body: BodyRef, site: Site, notice_id: str, now: datetime, *, eight_bit: bool = True
) -> Mail:
    """The mail that takes a report to the sender of `mail`. It must never be answered itself."""
    envelope = Envelope(
        sender="",
        recipients=(Recipient(mail.envelope.sender, (Notify.NEVER,)),),
        client_ip="",
        received_at=now,
        helo=site.hostname,
        eight_bit=eight_bit,
        utf8=not mail.envelope.sender.isascii(),
    )
    return Mail(
        id=notice_id,
        source_id=mail.id,
        envelope=envelope,
        body=body,
        message_id=f"<{notice_id}@{site.hostname}>",
    )


def _wants_to_hear(fate: Fate, *, delays_unasked: bool) -> bool:
    notify = fate.to.notify
    match fate.action:
        case Action.FAILED:
            return not notify or Notify.FAILURE in notify
        case Action.DELAYED:
            wanted = Notify.DELAY in notify or (delays_unasked and not notify)
            return wanted and not fate.to.delay_told
        case Action.RELAYED | Action.DELIVERED:
            return Notify.SUCCESS in notify and not fate.confirmed


def _macros(mail: Mail, fates: Sequence[Fate], header: bytes, site: Site) -> Macros:
    subject = next((text_value(header, field) for field in named(fields(header), "Subject")), "")
    return {
        "PRODUCT": [PRODUCT],
        "HOSTNAME": [site.hostname],
        "QUEUE_ID": [mail.id],
        "SENDER_ADDR": [mail.envelope.sender],
        "MESSAGE_ID": [_line(mail.message_id)],
        "SUBJECT": [_line(subject)],
        "DATE": [format_datetime(mail.envelope.received_at)],
        "TRIED_UNTIL": [format_datetime(_tried_until(mail, site))],
        "DSN_ACTION": list(dict.fromkeys(fate.action for fate in fates)),
        "RECPT_ADDR": [
            Parent(
                fate.to.address,
                {
                    "DSN_ACTION": [fate.action],
                    "DSN_STATUS": [fate.status],
                    "DSN_DIAGNOSTIC": [_said(fate.reply)],
                    "REMOTE_HOST": [fate.reply.server],
                },
            )
            for fate in fates
        ],
    }


def _status_fields(mail: Mail, fates: Sequence[Fate], site: Site, now: datetime) -> str:
    about_mail = {
        "Reporting-MTA": f"dns; {site.hostname}",
        "Original-Envelope-Id": _line(from_xtext(mail.envelope.envelope_id)),
        "Arrival-Date": format_datetime(mail.envelope.received_at),
        "X-Queue-Id": mail.id,
    }
    until = format_datetime(_tried_until(mail, site))
    international = is_international(mail)
    about_each = (_fate_fields(fate, now, until, international=international) for fate in fates)
    return "\r\n".join(_block(part) for part in (about_mail, *about_each))


def _fate_fields(fate: Fate, now: datetime, until: str, *, international: bool) -> Mapping[str, str]:
    reply, address = fate.reply, fate.to.address
    return {
        "Original-Recipient": _original(fate.to.original, international=international),
        "Final-Recipient": f"{'rfc822' if address.isascii() else 'utf-8'}; {_line(address)}",
        "Action": fate.action,
        "Status": fate.status,
        "Remote-MTA": f"dns; {reply.server.partition(' ')[0]}" if reply.server else "",
        "Diagnostic-Code": f"{'smtp' if reply.code else 'x-gateway'}; {_said(reply)}",
        "Last-Attempt-Date": format_datetime(now),
        "Will-Retry-Until": until if fate.action is Action.DELAYED else "",
    }


def _original(given: str, *, international: bool) -> str:
    """ORCPT decoded. It may hide line ends, which become spaces; where UTF-8 cannot be, it stays as given."""
    kind, _, address = given.partition(";")
    if not address:
        return ""
    if kind.lower() != "utf-8":
        return f"{_line(kind)}; {_line(from_xtext(address))}"
    return f"utf-8; {_line(from_embedded(address) if international else address)}"


def _tried_until(mail: Mail, site: Site) -> datetime:
    return mail.envelope.received_at + site.lifetime


def _said(reply: RecipientReply) -> str:
    words = (str(reply.code) if reply.code else "", reply.enhanced if reply.code else "", reply.text)
    return _line(" ".join(filter(None, words)))


def _block(lines: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)


def _part(content_type: str, encoding: str = "8bit") -> str:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n"


def _line(text: str) -> str:
    """Text of others as a part of one line."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)[:LONGEST_TEXT]
