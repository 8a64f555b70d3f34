"""Storages: places where copies of mail are kept, and what is known of each copy (manual, chapter 6.6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum

from gateway.domain.headers import fields
from gateway.domain.mail import Mail
from gateway.domain.policy import ObjectStatus, Policy, SpamStatus, Status

_OF_STAGES = ("x-spamtest-", "x-anti-virus", "x-disclaimer", "keywords")
"""How the names of those fields begin that stages add on top."""


class StorageKind(StrEnum):
    """What a storage is for."""

    INCOMING = "incoming archive"
    OUTGOING = "outgoing archive"
    AV_QUARANTINE = "anti-virus quarantine"
    AS_QUARANTINE = "spam quarantine"


@dataclass(frozen=True, slots=True)
class Storage:
    """One storage, known by its path. Without a path it is switched off, and keeps nothing."""

    kind: StorageKind
    path: str  # absolute


class StoredStatus(StrEnum):
    """What a mail was when it was stored, in the manual's codes."""

    RECEIVED = "RCV"  # lies in the incoming archive
    SENT = "SNT"  # lies in the outgoing archive
    SPAM = "as/spam"
    PROBABLE = "as/probable"
    CLEAN = "av/clean"
    DISINFECTED = "av/disinfected"
    INFECTED = "av/infected"
    SUSPICIOUS = "av/suspicious"
    PROTECTED = "av/protected"
    ERROR = "av/error"
    FILTERED = "av/filtered"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageEntry:
    """A copy of a mail in a storage: all that is known of it besides its bytes."""

    storage: str  # its path
    mail: Mail  # as it was, without what stands in its bytes now: top and edits
    status: StoredStatus
    size: int  # bytes of the message
    preface: int  # bytes that stand before it in its file, see `preface_of`
    stored_at: datetime
    release: int = 0  # how often it was released
    released_at: datetime | None = None  # the last time
    ordered_at: datetime | None = None  # when an operator ordered the release that was not carried out yet
    failure: str = ""  # why that is

    @property
    def id(self) -> str:
        """The id of the mail: in its storage, nothing else has it."""
        return self.mail.id

    @property
    def name(self) -> str:
        """Where its bytes lie: in the storage, by the day on which the message came."""
        return entry_name(self.storage, self.mail)


def quarantine_of(policy: Policy, status: Status) -> Storage:
    """The quarantine that `policy` has for mail of that status."""
    if isinstance(status, SpamStatus):
        return Storage(StorageKind.AS_QUARANTINE, policy.as_quarantine_path)
    return Storage(StorageKind.AV_QUARANTINE, policy.av_quarantine_path)


def quarantines_in_use(policies: Iterable[Policy], kind: StorageKind) -> frozenset[Storage]:
    """The quarantines of one kind that `policies` may have mail kept in."""
    places = (quarantine_of(policy, status) for policy in policies for status in policy.quarantine)
    return frozenset(place for place in places if place.kind is kind)


def status_in_storage(status: Status) -> StoredStatus:
    """The code of a mail that is stored for its `status`. `ValueError` when none is stored for that."""
    return StoredStatus(f"av/{status}" if isinstance(status, ObjectStatus) else status)


def entry_name(storage: str, mail: Mail) -> str:
    """The name of the file with a copy of `mail`: the same however often it is stored."""
    return f"{storage}/{mail.envelope.received_at.astimezone(UTC):%Y-%m-%d}/{mail.id}.eml"


def as_it_came(mail: Mail) -> Mail:
    """`mail` as the receiver took it: without what the stages changed, and without the fields they added."""
    kept = (
        mail.top[field.start : field.end]
        for field in fields(mail.top)
        if not field.name.lower().startswith(_OF_STAGES)
    )
    return replace(mail, top=b"".join(kept), edits=())


def preface_of(mail: Mail, status: StoredStatus) -> bytes:
    """Header fields that say of a file in a storage whose it is, for who finds it there."""
    envelope = mail.envelope
    recipients = ",\r\n\t".join(f"<{_line(to.address)}>" for to in envelope.recipients)
    lines = (
        f"X-Storage-Entry: {mail.id}; status={status};\r\n\tclient={envelope.client_ip};"
        f" received={format_datetime(envelope.received_at)}",
        f"X-Envelope-From: <{_line(envelope.sender)}>",
        f"X-Envelope-To: {recipients}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


def _line(text: str) -> str:
    """Text of others as a part of one line."""
    return "".join(char if char.isprintable() else "?" for char in text)
