"""Notices by policy: who is told that something was found in a message, and in which words.

A notice is a text in a message of its own. Nothing of the message that it is about stands in its header but
the address that it goes to, and whatever stands in its text is on one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum

from gateway.domain.address import domain_of, matches_any
from gateway.domain.authentication import Result
from gateway.domain.headers import fields, named, raw_value, text_value
from gateway.domain.journey import ScannedObject
from gateway.domain.mail import POLICY, BodyRef, Envelope, Mail, Notify, Recipient
from gateway.domain.policy import ObjectStatus, Policy, SpamStatus, Status
from gateway.domain.storage import quarantine_of
from gateway.domain.template import Macros, Parent, Template
from gateway.domain.textpart import as_text_part

LONGEST_TEXT = 400
"""Characters of what others wrote that are repeated in one place."""
MOST_HEADER = 4096
"""Characters of a header that are repeated."""
MOST_OBJECTS = 50
"""Objects that are told of."""


class Addressee(StrEnum):
    """Who is told."""

    ADMIN = "admin"
    RECIPIENT = "recipient"
    SENDER = "sender"


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells."""

    hostname: str
    product: str
    version: str
    protected_domains: tuple[str, ...]  # masks: whose senders are ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What there is to be told of a mail."""

    mail: Mail
    policy: Policy
    statuses: frozenset[Status]  # all that was found
    blocked: bool
    objects: Sequence[ScannedObject] = ()  # what the scanner saw

    @property
    def kept_for(self) -> Sequence[Status]:
        """The statuses for which a copy is kept."""
        return sorted(self.statuses & self.policy.quarantine)


def listed(policy: Policy, addressee: Addressee) -> Set[Status]:
    """The statuses that `policy` has somebody told of."""
    match addressee:
        case Addressee.ADMIN:
            return policy.notify_admin
        case Addressee.RECIPIENT:
            return policy.notify_recipient
        case Addressee.SENDER:
            return policy.notify_sender


def addressees(occasion: Occasion) -> tuple[Addressee, ...]:
    """Who is to be told by the policy."""
    return tuple(
        addressee for addressee in Addressee if occasion.statuses & listed(occasion.policy, addressee)
    )


def addresses(occasion: Occasion, addressee: Addressee, teller: Teller) -> tuple[str, ...]:
    """Where notices to them go. A sender is told only when he is one of ours, as far as can be known."""
    envelope = occasion.mail.envelope
    match addressee:
        case Addressee.ADMIN:
            return (occasion.policy.admin_notify_address,)
        case Addressee.RECIPIENT:
            return tuple(dict.fromkeys(to.address for to in envelope.recipients))
        case Addressee.SENDER:
            is_ours = matches_any(teller.protected_domains, domain_of(envelope.sender))
            return (envelope.sender,) if envelope.sender and is_ours and not _is_forged(occasion.mail) else ()


def is_notice(mail: Mail, header: bytes) -> bool:
    """Whether a message is itself one that nobody wrote: nobody is told about those (RFC 3834 §2)."""
    if mail.envelope.sender:
        return False
    values = (raw_value(header, field).lower() for field in named(fields(header), "Auto-Submitted"))
    return any(value.startswith(b"auto-") for value in values)


def notice_content(
    template: Template,
    occasion: Occasion,
    addressee: Addressee,
    to: Sequence[str],
    header: bytes,
    teller: Teller,
    notice_id: str,
    now: datetime,
) -> bytes:
    """The whole message. `header` is that of the message it is about."""
    return own_message(
        sender=occasion.policy.notify_from_address,
        to=to,
        subject=_SUBJECTS[addressee],
        text=template.render(macros(occasion, addressee, header, teller, now)),
        hostname=teller.hostname,
        message_id=notice_id,
        now=now,
    )


def own_message(
    *, sender: str, to: Sequence[str], subject: str, text: str, hostname: str, message_id: str, now: datetime
) -> bytes:
    """A message that nobody wrote, with that text. Before the @ of its Message-ID stands `message_id`."""
    described, content = as_text_part(text)
    lines = {
        "From": f"Mail gateway <{_line(sender)}>",
        "To": f"<{_line(to[0])}>" if len(to) == 1 else "undisclosed-recipients:;",
        "Subject": subject,
        "Date": format_datetime(now),
        "Message-ID": f"<{message_id}@{hostname}>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
    }
    top = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("utf-8", "replace")
    return top + described + b"\r\n" + content + b"\r\n"


def notice_mail(
    mail: Mail, to: Sequence[str], body: BodyRef, teller: Teller, notice_id: str, now: datetime
) -> Mail:
    """The mail that takes a notice about `mail` to these addresses."""
    return own_mail(to, body, teller.hostname, notice_id, now, source_id=mail.id, group=mail.group)


def own_mail(
    to: Sequence[str],
    body: BodyRef,
    hostname: str,
    mail_id: str,
    now: datetime,
    *,
    source_id: str,
    group: str,
) -> Mail:
    """A mail of the gateway's own to these addresses. It must never be answered."""
    envelope = Envelope(
        sender="",
        recipients=tuple(Recipient(address, (Notify.NEVER,)) for address in to),
        client_ip="",
        received_at=now,
        helo=hostname,
        utf8=not all(address.isascii() for address in to),
    )
    return Mail(
        id=mail_id,
        source_id=source_id,
        envelope=envelope,
        body=body,
        group=group,
        message_id=f"<{mail_id}@{hostname}>",
    )


def macros(occasion: Occasion, addressee: Addressee, header: bytes, teller: Teller, now: datetime) -> Macros:
    """What a template of notices can name (reference, section 19.2)."""
    mail, envelope = occasion.mail, occasion.mail.envelope
    subject = next((text_value(header, field) for field in named(fields(header), "Subject")), "")
    bad = [found for found in occasion.objects if found.status is not ObjectStatus.CLEAN][:MOST_OBJECTS]
    places = tuple(dict.fromkeys(quarantine_of(occasion.policy, status).path for status in occasion.kept_for))
    spam = next((status for status in SpamStatus if status in occasion.statuses), mail.spam)
    own: dict[str, Iterable[str]] = {
        "NOTIFY": (addressee,),
        "PRODUCT": (teller.product,),
        "VERSION": (teller.version,),
        "HOSTNAME": (teller.hostname,),
        "DATE": (format_datetime(now),),
        "QUEUE_ID": (mail.id,),
        "GROUP": (mail.group if mail.group != POLICY else "policy",),
        "CLIENT_ADDR": (envelope.client_ip,),
        "SENDER_ADDR": (envelope.sender,),
        "RECPT_ADDR": (to.address for to in envelope.recipients),
        "MESSAGE_ID": (mail.message_id,),
        "SUBJECT": (subject,),
        "SPAM_STATUS": (_SPAM_WORDS[spam] if spam else "",),
        "VIRUS": dict.fromkeys(threat for found in bad for threat in found.threats),
        "BLOCKED": ("yes",) if occasion.blocked else (),
        "BK_ACTION": ("quarantine",) if places else (),
        "BK_LOCATION": places if addressee is Addressee.ADMIN else (),
    }
    return {
        **{name: tuple(map(_line, values)) for name, values in own.items()},
        "HEADERS": (_lines(header),),
        "ACTION_LIST": tuple(map(_told, bad)),
    }


def _told(found: ScannedObject) -> Parent:
    name, info = _line(found.name or found.path), _line(", ".join(found.threats) or found.cause)
    return Parent(
        " ".join((found.status, found.action, info or name)),
        {
            "OBJECT_NAME": (name,),
            "STATUS": (found.status,),
            "ACTION": (found.action,),
            "INFO": (info,),
            "VIRUS": tuple(map(_line, found.threats)),
        },
    )


def _is_forged(mail: Mail) -> bool:
    """Whether the client may not send for that sender, as its domain says."""
    known = mail.authentication
    if known is None:
        return False
    spf = known.spf.result if known.spf else Result.NONE
    dmarc = known.dmarc.result if known.dmarc else Result.NONE
    return dmarc is Result.FAIL or (dmarc is not Result.PASS and spf in (Result.FAIL, Result.SOFTFAIL))


def _line(text: str) -> str:
    """Text of others as a part of one line."""
    return "".join(char if char.isprintable() else " " for char in text[:LONGEST_TEXT])


def _lines(header: bytes) -> str:
    """A header of others, line by line. Its lines stand further in, so that none looks like one of ours."""
    text = header.decode("utf-8", "replace")[:MOST_HEADER]
    lines = _LINE_END.split(text.strip()) if text.strip() else ()
    return "\r\n".join(f"    {_line(line)}" for line in lines)


_LINE_END = re.compile(r"\r\n|\r|\n")

_SUBJECTS: Mapping[Addressee, str] = {
    Addressee.ADMIN: "The mail gateway found something in a message",
    Addressee.RECIPIENT: "The mail gateway found something in a message to you",
    Addressee.SENDER: "The mail gateway found something in a message of yours",
}

_SPAM_WORDS: Mapping[SpamStatus, str] = {
    SpamStatus.SPAM: "Spam",
    SpamStatus.PROBABLE: "Probable Spam",
    SpamStatus.NOT_DETECTED: "Not detected",
}
