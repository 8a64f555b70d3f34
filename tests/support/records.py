"""Records in memory: they tell what they were given, and keep what is noted without thinking about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Event
from gateway.domain.pipeline import Module, QueueState
from gateway.domain.statistics import Counter as Counted
from gateway.domain.statistics import Gauge, Peak
from gateway.records.audit import AuditFilter, AuditPlace, AuditRecord
from gateway.records.history import Found, NamedStep, Period, Sought, StepPlace
from gateway.records.port import JourneyStep, MailRecord, Outage, Queued, QueuePlace, Settled, Waiting
from tests.support.greylist import MemoryGreylist
from tests.support.lessons import MemoryLessons
from tests.support.notices import Permits

A_MAIL = MailRecord(
    id="jHrWPC7s86253",
    source_id="jHrWPC7s86253",
    group="",
    sender="a@sender.example",
    recipients=("b@own.example",),
    client_ip="192.0.2.1",
    message_id="<1@sender.example>",
    size=1200,
    received_at=datetime(2026, 1, 5, 12, tzinfo=UTC),
    state="WFC",
    state_at=datetime(2026, 1, 5, 12, tzinfo=UTC),
    next_try_at=None,
    attempts=0,
    reason="",
)


@dataclass
class MemoryOutages:
    """What each process told last."""

    told: dict[str, tuple[Sequence[Outage], datetime]] = field(default_factory=dict)
    away: bool = False

    async def tell(self, source: str, outages: Sequence[Outage], now: datetime, until: datetime) -> None:
        if self.away:
            raise TemporaryFailure("the database is away")
        self.told[source] = tuple(outages), until

    async def known(self, now: datetime) -> Sequence[Outage]:
        return [outage for outages, until in self.told.values() if until >= now for outage in outages]


@dataclass
class MemoryAudit:
    """Remembers who did what."""

    kept: list[AuditRecord] = field(default_factory=list)
    away: bool = False

    async def begin(self, record: AuditRecord) -> None:
        if self.away:
            raise TemporaryFailure("the database is away")
        self.kept.append(record)

    async def conclude(self, record: AuditRecord) -> None:
        self.kept = [record if one.id == record.id else one for one in self.kept]

    async def page(self, wanted: AuditFilter, behind: AuditPlace | None, most: int) -> Sequence[AuditRecord]:
        return [one for one in reversed(self.kept) if wanted.who in ("", one.who)][:most]

    async def purge(self, before: datetime) -> None:
        self.kept = [one for one in self.kept if one.at >= before]


@dataclass
class MemoryHistory:
    """Tells what it was given."""

    mails: list[MailRecord] = field(default_factory=list)
    events: list[NamedStep] = field(default_factory=list)
    periods: list[Period] = field(default_factory=list)

    async def search(self, sought: Sought, behind: QueuePlace | None, most: int) -> Found:
        return Found([mail for mail in self.mails if sought.names(mail)][:most], None)

    async def copies(self, source_id: str) -> Sequence[MailRecord]:
        return [mail for mail in self.mails if mail.source_id == source_id != mail.id]

    async def steps(self, behind: StepPlace, until: datetime, most: int) -> Sequence[NamedStep]:
        return [one for one in self.events if behind.at < one.place.at <= until][:most]

    async def counted(self, since: datetime, until: datetime, hours: int) -> Sequence[Period]:
        return self.periods


@dataclass
class MemoryAnnouncements:
    """What was told, and what somebody tells until when."""

    done: set[str] = field(default_factory=set)
    claims: dict[str, datetime] = field(default_factory=dict)

    async def claim(self, announcement: str, now: datetime, until: datetime) -> bool:
        if announcement in self.done or self.claims.get(announcement, now) > now:
            return False
        self.claims[announcement] = until
        return True

    async def told(self, announcement: str) -> None:
        self.done.add(announcement)


@dataclass
class MemoryGauges:
    """What each process told last."""

    levels: dict[str, tuple[Mapping[Gauge, int], datetime]] = field(default_factory=dict)
    away: bool = False

    async def tell(self, source: str, values: Mapping[Gauge, int], now: datetime, until: datetime) -> None:
        if self.away:
            raise TemporaryFailure("the database is away")
        self.levels[source] = dict(values), until

    async def known(self, now: datetime, launch: str = "") -> Mapping[Gauge, int]:
        sums: Counter[Gauge] = Counter()
        for source, (values, until) in self.levels.items():
            if until >= now and source.startswith(f"{launch}/" if launch else ""):
                sums.update(values)
        return sums


@dataclass
class MemoryUsage:
    """How much was used, whenever."""

    addresses: frozenset[str] = frozenset()
    hours: Sequence[int] = (0,) * 24

    async def recipients(self, since: datetime) -> frozenset[str]:
        return self.addresses

    async def received_bytes(self, midnight: datetime) -> Sequence[int]:
        return self.hours


@dataclass
class ReadRecords:
    """Answers from what it was given; `away` says that nothing can be read now."""

    mails: list[MailRecord] = field(default_factory=list)
    journeys: dict[str, list[JourneyStep]] = field(default_factory=dict)
    suspensions: frozenset[Module] = frozenset()
    away: bool = False
    asked: int = 0
    noted: list[Event] = field(default_factory=list)
    outages: MemoryOutages = field(default_factory=MemoryOutages)
    greylist: MemoryGreylist = field(default_factory=MemoryGreylist)
    notices: Permits = field(default_factory=Permits)
    lessons: MemoryLessons = field(default_factory=MemoryLessons)
    history: MemoryHistory = field(default_factory=MemoryHistory)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    announcements: MemoryAnnouncements = field(default_factory=MemoryAnnouncements)
    gauges: MemoryGauges = field(default_factory=MemoryGauges)
    usage: MemoryUsage = field(default_factory=MemoryUsage)
    counted: Counter[str] = field(default_factory=Counter)

    def note(self, *events: Event) -> None:
        self.noted += events

    async def keep(self, *events: Event) -> None:
        self.noted += events

    def count(self, counter: Counted, by: int = 1) -> None:
        self.counted[counter] += by

    def reach(self, peak: Peak, value: int) -> None:
        self.counted[peak] = max(self.counted[peak], value)

    async def statistics(self, launch: str = "") -> Mapping[Counted | Peak, int]:
        self._answer()
        return {name: self.counted[name] for name in (*Counted, *Peak)}

    async def counting_began(self) -> datetime | None:
        self._answer()
        return None

    @property
    def ready(self) -> bool:
        return True

    async def mail(self, mail_id: str) -> MailRecord | None:
        self._answer()
        return next((mail for mail in self.mails if mail.id == mail_id), None)

    async def journey(self, mail_id: str) -> Sequence[JourneyStep]:
        self._answer()
        return self.journeys.get(mail_id, [])

    async def queue(
        self, states: Sequence[str] = (), after: QueuePlace | None = None
    ) -> AsyncIterator[MailRecord]:
        self._answer()
        for mail in sorted(self.mails, key=lambda mail: (mail.received_at, mail.id)):
            wanted = mail.state in (states or list(QueueState))
            behind = after is None or (mail.received_at, mail.id) > (after.received_at, after.id)
            if wanted and behind:
                yield mail

    async def counts(self) -> Mapping[str, int]:
        self._answer()
        return Counter(mail.state for mail in self.mails)

    async def queued(self) -> Mapping[str, Queued]:
        self._answer()
        ages: dict[str, list[datetime]] = {}
        for mail in self.mails:
            ages.setdefault(mail.state, []).append(mail.received_at)
        return {state: Queued(len(received), min(received)) for state, received in ages.items()}

    async def suspended(self) -> frozenset[Module]:
        self._answer()
        return self.suspensions

    async def settled(self, mail_id: str) -> Settled:
        return Settled()

    async def removed(self, most: int) -> frozenset[str]:
        return frozenset()

    async def remove(self, mail_ids: Sequence[str]) -> Mapping[str, str]:
        removed = {mail.id: mail.state for mail in self.mails if mail.id in mail_ids}
        self.mails = [mail for mail in self.mails if mail.id not in mail_ids]
        return removed

    async def claim(self, mail_ids: Sequence[str], until_after: datetime) -> Sequence[Waiting]:
        return ()

    async def hurry(self, generations: Mapping[str, int]) -> None:
        self._answer()

    async def release(self, claimed: Sequence[Waiting]) -> None:
        self._answer()

    async def suspend(self, module: Module, *, suspended: bool) -> None:
        self.suspensions = self.suspensions | {module} if suspended else self.suspensions - {module}

    async def spent_bodies(self, before: datetime, limit: int) -> Sequence[str]:
        return ()

    async def forget_bodies(self, names: Sequence[str]) -> None:
        self._answer()

    async def known_bodies(self, names: Sequence[str]) -> frozenset[str]:
        return frozenset(names)

    async def purge(self, before: datetime) -> int:
        return 0

    async def close(self) -> None:
        self.away = True

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise TemporaryFailure("the database at 192.0.2.53 does not answer")
