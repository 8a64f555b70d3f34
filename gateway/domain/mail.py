"""Mail: an envelope, a reference to the message, and what was decided about it so far.

Every value here is immutable and small: it travels over the bus. The message itself never does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.domain.authentication import Authentication
from gateway.domain.policy import SpamStatus

LONGEST_SUBJECT = 200
"""Characters that are kept of a Subject: it travels with the mail, and is stored with its record."""

POLICY = ""
"""The group name of mail that no group claims: the site's policy applies."""


class Notify(StrEnum):
    """When a sender wants to hear of a recipient (RFC 3461 §4.1)."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


class Return(StrEnum):
    """How much of the message a failure notice shall return (RFC 3461 §4.3)."""

    FULL = "FULL"
    HDRS = "HDRS"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT TO: the address, and what the sender wants to hear of it."""

    address: str
    notify: tuple[Notify, ...] = ()  # empty: the sender did not ask, so failures are told
    original: str = ""  # ORCPT as given, `rfc822;user@host.example` (RFC 3461 §4.2)
    delay_told: bool = False  # the sender heard that it takes long


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What the sending server told us, apart from anything the message says of itself."""

    sender: str  # "" is the null sender: never answer it with a bounce
    recipients: tuple[Recipient, ...]
    client_ip: str
    received_at: datetime  # aware, UTC
    helo: str = ""
    protocol: str = "ESMTP"  # with-protocol of the Received field (RFC 3848)
    tls: str = ""  # version and cipher, "" in the clear
    eight_bit: bool = False  # BODY=8BITMIME (RFC 6152)
    utf8: bool = False  # SMTPUTF8 (RFC 6531)
    returns: Return | None = None
    envelope_id: str = ""  # ENVID, as given (RFC 3461 §4.4)

    @property
    def asked_for_dsn(self) -> bool:
        """Whether any DSN parameter was given: the flag D of the log."""
        asked = self.returns is not None or bool(self.envelope_id)
        return asked or any(to.notify or to.original for to in self.recipients)


@dataclass(frozen=True, slots=True)
class BodyRef:
    """Where the bytes of a message lie: a blob named by digest, which never changes."""

    name: str  # <sha256 in hex>-<id of the message it was stored for>
    size: int
    carried: bytes | None = field(default=None, repr=False)  # a small body itself; for `gateway/blobs` alone

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex: equal bodies have equal digests whoever stored them."""
        return self.name.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes `start` to `end` of the body are replaced; all others stay as they came."""

    start: int
    end: int
    replacement: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message on its way to the recipients of one group."""

    id: str
    source_id: str  # the id of the message it came from: its own, unless it is a copy or a notice
    envelope: Envelope
    body: BodyRef
    group: str = POLICY
    message_id: str = ""  # Message-ID as text for the log, "" when the message has none
    subject: str = ""  # as text in one line, cut at `LONGEST_SUBJECT`: for who looks for the mail
    top: bytes = b""  # header fields added on top, newest first, each ended by CRLF
    edits: tuple[Edit, ...] = field(default=())  # ordered, not overlapping
    authentication: Authentication | None = None  # None: not asked who sent it
    spam: SpamStatus | None = None  # None: not checked for spam
    attempts: int = 0  # tries of the sender that ended in "later"
    trace: str = ""  # of its way so far, `traceparent` (W3C Trace Context §3.2); "": it is not traced
    generation: int = 0  # rises when an operator sends it early: older copies are dropped

    @property
    def size(self) -> int:
        """Bytes of the message as it leaves."""
        grown = sum(len(edit.replacement) - (edit.end - edit.start) for edit in self.edits)
        return len(self.top) + self.body.size + grown
