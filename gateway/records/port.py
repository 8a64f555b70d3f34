"""What the gateway asks of its records.

Most is written behind: `note` returns at once, and batches follow within about a second. What must not
be lost is written with `keep`, which returns when it is on stable storage.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from gateway.domain.journey import Answer, Event
from gateway.domain.lessons import Lesson, LessonChange
from gateway.domain.pipeline import Module
from gateway.domain.statistics import Counter, Gauge, Peak

if TYPE_CHECKING:  # they are about the values below
    from gateway.records.audit import AuditRecords
    from gateway.records.history import HistoryRecords

PARKED = "parked"
"""The state of mail that a fault of our own stopped; all others are a `QueueState` or an `Ending`."""


@dataclass(frozen=True, slots=True)
class MailRecord:
    """A mail as the records know it."""

    id: str
    source_id: str
    group: str
    sender: str
    recipients: tuple[str, ...]
    client_ip: str
    message_id: str
    size: int
    received_at: datetime
    state: str  # a QueueState, an Ending (also of removed mail that was not met yet), or PARKED
    state_at: datetime
    next_try_at: datetime | None
    attempts: int
    reason: str
    subject: str = ""  # cut at `LONGEST_SUBJECT`


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """One event of a mail's way, as stored: what happened, when, and the details of that kind."""

    at: datetime
    kind: str  # the name of the event: "Entered", "Scanned"
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Settled:
    """What is settled about a mail, whichever copy of it is met."""

    answers: Mapping[str, Answer] = field(default_factory=dict)  # of recipients not to be tried again
    generation: int = 0  # the lowest that is still wanted
    removed: bool = False  # by an operator


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail in a waiting room."""

    id: str
    until: datetime
    copy: bytes  # as it lies on the bus


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A place in the order of the queue: that of the mail with this time and id."""

    received_at: datetime
    id: str  # tells mails apart that came at the same time


@dataclass(frozen=True, slots=True)
class Queued:
    """The mail on its way in one state."""

    mails: int
    oldest_at: datetime  # when the one that waits longest was received


@dataclass(frozen=True, slots=True)
class Outage:
    """Something outside that does not do its part."""

    subject: str  # "block list bl.example"
    reason: str
    since: datetime


class OutageRecords(Protocol):
    """Remembers outages. What is away for a while is a `TemporaryFailure`."""

    async def tell(self, source: str, outages: Sequence[Outage], now: datetime, until: datetime) -> None:
        """All that the process `source` knows of, and until when it is true unless told anew."""

    async def known(self, now: datetime) -> Sequence[Outage]:
        """One outage for each subject, that of the process which met it first."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A message that was told to come again."""

    triplet: str  # stands for client, sender and recipient
    client: str  # a network, or a domain that vouches for its clients
    first_at: datetime
    passed_at: datetime | None  # None: it has not come again
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """What is known of a client and of one of its messages."""

    first_at: datetime | None = None  # None: such a message was never met
    passed: bool = False  # it came again
    proofs: int = 0  # messages of this client that came again


class GreylistRecords(Protocol):
    """Remembers meetings. What is away for a while is a `TemporaryFailure`."""

    async def acquaintance(self, client: str, triplet: str, now: datetime, enough: int) -> Acquaintance:
        """What is known of that client and triplet; proofs are counted up to `enough`."""

    async def note(self, meetings: Sequence[Meeting]) -> None:
        """Remember meetings, each until its time is over. Of one that is known the first time counts."""

    async def renew(self, clients: Sequence[str], until: datetime) -> None:
        """Remember the proofs of those clients until then."""

    async def purge(self, now: datetime, most: int) -> int:
        """Forget what is over, and beyond `most` meetings those that are over first; how many."""


class NoticeRecords(Protocol):
    """Remembers for an hour whom the gateway told something. What is away is a `TemporaryFailure`."""

    async def permit(self, address: str, notice_id: str, now: datetime, most: int) -> bool:
        """Whether this notice is among the `most` of an hour; asked again of one that was, it still is."""


class AnnouncementRecords(Protocol):
    """Remembers what administrators were told of the gateway itself. What is away is a `TemporaryFailure`."""

    async def claim(self, announcement: str, now: datetime, until: datetime) -> bool:
        """Whether the caller is the one to tell it; nobody else is before `until`."""

    async def told(self, announcement: str) -> None:
        """It was told, and is not told again."""


class GaugeRecords(Protocol):
    """Remembers how much there is now. What is away for a while is a `TemporaryFailure`."""

    async def tell(self, source: str, values: Mapping[Gauge, int], now: datetime, until: datetime) -> None:
        """All that the process `source` measures, and until when it is true unless told anew."""

    async def known(self, now: datetime, launch: str = "") -> Mapping[Gauge, int]:
        """What all processes, or those of a launch, have together, of each gauge that one of them tells."""


class UsageRecords(Protocol):
    """Adds up what licences limit. What is away for a while is a `TemporaryFailure`."""

    async def recipients(self, since: datetime) -> frozenset[str]:
        """The addresses that mail was for since then, in lower case."""

    async def received_bytes(self, midnight: datetime) -> Sequence[int]:
        """The bytes of mail that came in each of the 24 hours from `midnight` on."""


class LessonRecords(Protocol):
    """Remembers what operators taught the spam filter. What is away for a while is a `TemporaryFailure`."""

    async def teach(self, lesson: Lesson, content: bytes) -> None:
        """Remember a lesson, to be read: in place of an older one about the same message."""

    async def find(self, lesson_id: str) -> Lesson | None:
        """One lesson that was not taken back."""

    async def recent(self, most: int, before: Lesson | None = None) -> Sequence[Lesson]:
        """The newest lessons that were not taken back; those behind `before` in that order if it is given."""

    async def held(self) -> int:
        """How many there are that were not taken back."""

    async def undo(self, lesson_id: str, now: datetime) -> bool:
        """Take a lesson back; False when there is none."""

    async def unread(self, most: int) -> Sequence[tuple[str, bytes]]:
        """The oldest lessons that wait to be read: their ids and messages."""

    async def read(self, lesson_id: str, features: bytes, failure: str) -> None:
        """What was made of a lesson, `failure` if nothing; its message is let go.

        A lesson that was read or taken back meanwhile stays as it is.
        """

    async def changes(self, after: int, most: int) -> Sequence[LessonChange]:
        """What was learned and what was taken back behind that change, in order."""

    async def purge(self, most: int, now: datetime) -> int:
        """Take back all but the newest `most`, and forget what was taken back long ago; how many."""


class Records(Protocol):
    """Remembers mail. What is away for a while is a `TemporaryFailure`."""

    def note(self, *events: Event) -> None:
        """Write down soon, in order. Bounded: see `ready`."""

    async def keep(self, *events: Event) -> None:
        """Write down now, after all that was noted before; returns when it is stored."""

    def count(self, counter: Counter, by: int = 1) -> None:
        """So many more; written down soon. What a kill prevents is lost to the statistics alone."""

    def reach(self, peak: Peak, value: int) -> None:
        """There are so many now; the most of an hour is written down soon."""

    @property
    def counted(self) -> Mapping[str, int]:
        """What this process counted since it began, by `Counter`; 0 of what it never did."""

    async def statistics(self, launch: str = "") -> Mapping[Counter | Peak, int]:
        """What all processes counted since the records began, or those of a launch; 0 of what never was.

        A peak is the most of any hour, those of several processes added.
        """

    async def counting_began(self) -> datetime | None:
        """The hour of the first thing that was counted."""

    @property
    def outages(self) -> OutageRecords:
        """What is out of order outside."""

    @property
    def notices(self) -> NoticeRecords:
        """Whom the gateway told something lately."""

    @property
    def announcements(self) -> AnnouncementRecords:
        """What administrators were told of the gateway itself."""

    @property
    def gauges(self) -> GaugeRecords:
        """How much of something there is now."""

    @property
    def usage(self) -> UsageRecords:
        """How much the gateway is used, as licences limit it."""

    @property
    def lessons(self) -> LessonRecords:
        """What operators taught the spam filter."""

    @property
    def greylist(self) -> GreylistRecords:
        """Who was told to come again, and came."""

    @property
    def history(self) -> HistoryRecords:
        """What is found of mail, events and statistics."""

    @property
    def audit(self) -> AuditRecords:
        """Who changed what."""

    @property
    def ready(self) -> bool:
        """False while what was noted piles up because nothing can be stored: take no new mail."""

    async def settled(self, mail_id: str) -> Settled:
        """What became of recipients of that mail for good, and what operators said of it."""

    async def mail(self, mail_id: str) -> MailRecord | None:
        """One mail."""

    def queue(self, states: Sequence[str] = (), after: QueuePlace | None = None) -> AsyncIterator[MailRecord]:
        """All mail on its way that no operator removed, oldest first, read page by page.

        Only of `states` if any are given; only behind `after` if a place is given, at no cost for what lies
        before it.
        """

    async def journey(self, mail_id: str) -> Sequence[JourneyStep]:
        """All that happened to a mail, oldest first."""

    async def counts(self) -> Mapping[str, int]:
        """How many mails are in each state."""

    async def queued(self) -> Mapping[str, Queued]:
        """The mail on its way that no operator removed, by state; at no cost for what has ended."""

    async def removed(self, most: int) -> frozenset[str]:
        """Mails that an operator removed and that have not come to the sender yet, at most so many."""

    async def remove(self, mail_ids: Sequence[str]) -> Mapping[str, str]:
        """Mark those of the mails as removed that nobody works on: these, and the state of each."""

    async def claim(self, mail_ids: Sequence[str], until_after: datetime) -> Sequence[Waiting]:
        """Those of the mails that wait until after that time, for the caller alone.

        Nobody else can claim them before they wait anew, or are released.
        """

    async def hurry(self, generations: Mapping[str, int]) -> None:
        """Of claimed mail, only copies of at least this generation are wanted from now on."""

    async def release(self, claimed: Sequence[Waiting]) -> None:
        """Claimed mail goes on waiting after all."""

    async def suspended(self) -> frozenset[Module]:
        """The modules that an operator suspended."""

    async def suspend(self, module: Module, *, suspended: bool) -> None:
        """Remember that a module is suspended, or no longer."""

    async def spent_bodies(self, before: datetime, limit: int) -> Sequence[str]:
        """Names of bodies all of whose mails ended before that time."""

    async def forget_bodies(self, names: Sequence[str]) -> None:
        """The bodies are gone: do not name them again."""

    async def known_bodies(self, names: Sequence[str]) -> frozenset[str]:
        """Those of `names` that some mail refers to, ended or not, unless they were forgotten."""

    async def purge(self, before: datetime) -> int:
        """Forget mails that ended before that time; how many."""

    async def close(self) -> None:
        """Write what is noted and let go of the database."""
