"""What is written down of a mail's way: one event for each thing that happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.mail import Mail
from gateway.domain.policy import ObjectAction, ObjectStatus, SpamStatus
from gateway.domain.storage import StorageEntry


class Ending(StrEnum):
    """How the way of a mail ended. A mail with several recipients ends as its worst one did."""

    DELIVERED = "delivered"
    BLOCKED = "blocked"
    BOUNCED = "bounced"
    REMOVED = "removed"


class Answer(StrEnum):
    """What a next hop said about one recipient."""

    DELIVERED = "delivered"
    LATER = "later"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check saw: its name, and the evidence in plain words."""

    check: str
    detail: str
    score: float = 0.0
    category: str = ""


@dataclass(frozen=True, slots=True)
class Turning:
    """What would have changed a spam status, for who reads it later."""

    score: float  # the sum of all findings
    to_worse: float | None  # what the score lacks to the next worse status; None when it is the worst
    to_better: float | None  # what it has beyond what the next better status bears; None when it is the best
    decisive: tuple[str, ...] = ()  # checks of which any one alone, left out, would have given another status
    together: tuple[str, ...] = ()  # the fewest checks that would have to be left out for a better status


@dataclass(frozen=True, slots=True)
class ScannedObject:
    """What the scanner saw of one object, and what became of it."""

    path: str  # "1.2" is the second part of the first, "1.2/inner.zip/a.exe" a file in an archive in it
    name: str
    mime: str  # as it is declared
    size: int
    status: ObjectStatus
    action: ObjectAction
    threats: tuple[str, ...] = ()
    cause: str = ""  # why it could not be looked at, for `error` and `protected`
    kind: str = ""  # MIME type that its bytes tell, "" when they tell none


@dataclass(frozen=True, slots=True)
class RecipientReply:
    """What became of one recipient at one try."""

    address: str
    answer: Answer
    server: str  # `host [ip]` of the next hop, "" when none was reached
    code: int = 0  # SMTP reply code, 0 when no reply came
    enhanced: str = ""  # RFC 3463, "5.1.1"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """A mail exists: received, split off, or made by ourselves."""

    mail: Mail
    stage: str  # the stage that will have it first
    at: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """A mail changed its queue state."""

    mail_id: str
    at: datetime
    state: str  # a QueueState


@dataclass(frozen=True, slots=True)
class Analysed:
    """The spam filter looked at a mail."""

    mail_id: str
    at: datetime
    status: SpamStatus
    findings: tuple[Finding, ...]
    policy: str  # fingerprint of the policy that decided
    bases: str  # version of the databases that were used
    turning: Turning | None = None  # None: an older version of the gateway decided


@dataclass(frozen=True, slots=True)
class Scanned:
    """The scanner looked at a mail."""

    mail_id: str
    at: datetime
    status: ObjectStatus
    objects: tuple[ScannedObject, ...]
    policy: str
    bases: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A copy of a mail lies in a storage."""

    entry: StorageEntry
    at: datetime


@dataclass(frozen=True, slots=True)
class Tried:
    """The sender spoke with a next hop about these recipients."""

    mail_id: str
    at: datetime
    replies: tuple[RecipientReply, ...]


@dataclass(frozen=True, slots=True)
class Deferred:
    """A mail waits for its next try."""

    mail_id: str
    at: datetime
    until: datetime
    reason: str
    attempts: int
    state: str = "QUE"  # the QueueState that it waits in
    copy: bytes = b""  # the mail as the bus has it, for who sends it early; not told in the journey


@dataclass(frozen=True, slots=True)
class Parked:
    """A fault of our own stopped a mail at a stage."""

    mail_id: str
    at: datetime
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The way of a mail came to its end."""

    mail_id: str
    at: datetime
    ending: Ending
    reason: str = ""


Event = Entered | Moved | Analysed | Scanned | Stored | Tried | Deferred | Parked | Ended
