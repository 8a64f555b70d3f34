"""Delivery status notifications: what a sender is told of its recipients (RFC 3461, RFC 3464).

A report has three parts: text for a person, fields for a program, and the message or its header. The
last one is not held here: the report is what comes before it and what comes after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum

from gateway.domain.headers import fields, named, text_value
from gateway.domain.journey import Answer, RecipientReply
from gateway.domain.mail import BodyRef, Envelope, Mail, Notify, Recipient, Return
from gateway.domain.template import Macros, Parent, Template

PRODUCT = "Mailwarden"

LARGEST_RETURNED = 1 << 20
"""Bytes of a message that is returned whole; of a larger one only the header goes back."""
LARGEST_HEADER = 64 * 1024
"""Bytes of a header that go back."""
LONGEST_TEXT = 800
"""Characters of a reply that are repeated: a line of a message may have 998 (RFC 5322 §2.1.1)."""

EXPIRED = "4.4.7"
"""The status of a recipient that was tried for too long (RFC 3463 §3.5)."""


class Action(StrEnum):
    """What became of a recipient, in the words of RFC 3464 §2.3.3."""

    FAILED = "failed"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient for good, and with which answer."""

    to: Recipient
    reply: RecipientReply
    confirmed: bool = False  # the server that took it sends the notice of success itself
    expired: bool = False  # it was not refused: its time was over

    @property
    def action(self) -> Action:
        """Failed, or passed on."""
        taken = self.reply.answer is Answer.DELIVERED
        return Action.RELAYED if taken else Action.FAILED

    @property
    def status(self) -> str:
        """The status code that stands in the report."""
        if self.expired:
            return EXPIRED
        if self.reply.enhanced:
            return self.reply.enhanced
        return "2.0.0" if self.action is Action.RELAYED else "5.0.0"


@dataclass(frozen=True, slots=True)
class Site:
    """Who reports."""

    hostname: str
    postmaster: str
    template: Template


@dataclass(frozen=True, slots=True)
class Report:
    """A notification without the returned message, which belongs between the two."""

    before: bytes
    after: bytes


def to_be_told(mail: Mail, fates: Iterable[Fate]) -> tuple[Fate, ...]:
    """Those that the sender wants to hear of (RFC 3461 §4.1). Nobody answers the null sender."""
    if not mail.envelope.sender:
        return ()
    return tuple(fate for fate in fates if _wants_to_hear(fate))


def returns_whole(mail: Mail, fates: Sequence[Fate]) -> bool:
    """Whether the whole message goes back and not only its header (RFC 3461 §4.3)."""
    failed = any(fate.action is Action.FAILED for fate in fates)
    return failed and mail.envelope.returns is not Return.HDRS and mail.size <= LARGEST_RETURNED


def report(
    mail: Mail, fates: Sequence[Fate], header: bytes, site: Site, notice_id: str, now: datetime
) -> Report:
    """The notification about `fates`. `header` is that of the message; `notice_id` names the notice."""
    whole = returns_whole(mail, fates)
    boundary = f"report-{notice_id}"  # nobody could know it when the returned message was written
    failed = any(fate.action is Action.FAILED for fate in fates)
    text = site.template.render(_macros(mail, fates, header, site))
    top = _block(
        {
            "From": f"Mail gateway <{site.postmaster}>",
            "To": f"<{_line(mail.envelope.sender)}>",
            "Subject": "Your message could not be delivered" if failed else "Your message was passed on",
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
        f"--{boundary}\r\n{_part('message/delivery-status')}\r\n{_status_fields(mail, fates, site, now)}\r\n",
        f"--{boundary}\r\n{_part('message/rfc822' if whole else 'text/rfc822-headers')}\r\n",
    )
    before = "".join((top, "\r\n", *parts))
    return Report(before.encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode())


def notice(mail: Mail, body: BodyRef, site: Site, notice_id: str, now: datetime) -> Mail:
    """The mail that takes a report to the sender of `mail`. It must never be answered itself."""
    envelope = Envelope(
        sender="",
        recipients=(Recipient(mail.envelope.sender, (Notify.NEVER,)),),
        client_ip="",
        received_at=now,
        helo=site.hostname,
        eight_bit=True,
        utf8=not mail.envelope.sender.isascii(),
    )
    return Mail(
        id=notice_id,
        source_id=mail.id,
        envelope=envelope,
        body=body,
        message_id=f"<{notice_id}@{site.hostname}>",
    )


def _wants_to_hear(fate: Fate) -> bool:
    notify = fate.to.notify
    if fate.action is Action.FAILED:
        return not notify or Notify.FAILURE in notify
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
        "Original-Envelope-Id": _from_xtext(mail.envelope.envelope_id),
        "Arrival-Date": format_datetime(mail.envelope.received_at),
        "X-Queue-Id": mail.id,
    }
    return "\r\n".join(_block(part) for part in (about_mail, *(_fate_fields(fate, now) for fate in fates)))


def _fate_fields(fate: Fate, now: datetime) -> Mapping[str, str]:
    kind, _, original = fate.to.original.partition(";")
    reply = fate.reply
    return {
        "Original-Recipient": f"{_line(kind)}; {_from_xtext(original)}" if original else "",
        "Final-Recipient": f"rfc822; {_line(fate.to.address)}",
        "Action": fate.action,
        "Status": fate.status,
        "Remote-MTA": f"dns; {reply.server.partition(' ')[0]}" if reply.server else "",
        "Diagnostic-Code": f"{'smtp' if reply.code else 'x-gateway'}; {_said(reply)}",
        "Last-Attempt-Date": format_datetime(now),
    }


def _said(reply: RecipientReply) -> str:
    words = (str(reply.code) if reply.code else "", reply.enhanced if reply.code else "", reply.text)
    return _line(" ".join(filter(None, words)))


def _block(lines: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)


def _part(content_type: str) -> str:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: 8bit\r\n"


def _line(text: str) -> str:
    """Text of others as a part of one line."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)[:LONGEST_TEXT]


_HEX_CHAR = re.compile(r"\+([0-9A-F]{2})")


def _from_xtext(text: str) -> str:
    """What stands behind the encoding of RFC 3461 §4: it may hide line ends, which end up as spaces."""
    plain = _HEX_CHAR.sub(lambda match: chr(int(match[1], 16)), text)
    return _line(plain.encode("ascii", "replace").decode("ascii"))
