"""A receiver on a free port, with a bus, a place for bodies and records in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from ssl import SSLContext
from tempfile import TemporaryDirectory
from typing import cast

from gateway.blobs.memory import MemoryBlobs, MemoryWriter
from gateway.blobs.port import Blobs
from gateway.bus.memory import MemoryBus
from gateway.bus.port import Bus
from gateway.config.certificate import server_context
from gateway.config.sections.transport import TlsSection, TlsVersion
from gateway.dns.port import Dns
from gateway.domain import statistics as counters
from gateway.domain.access import RelayRule
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Event
from gateway.domain.mail import POLICY, Mail
from gateway.domain.pipeline import Stage
from gateway.domain.storage import Storage, StorageKind
from gateway.records.port import Records
from gateway.runtime.blocklists import BlockLists
from gateway.runtime.outages import Outages
from services.receiver.admission import Admission
from services.receiver.authenticating import Examiner
from services.receiver.door import Door
from services.receiver.greylisting import Greylist
from services.receiver.probing import Prober
from services.receiver.recipients import Recipients
from services.receiver.register import Register
from services.receiver.rules import Limits, Rules, Timeouts
from services.receiver.server import House
from services.receiver.spool import Spool
from services.receiver.worker import Receiver
from tests.support.certificates import host_certificate
from tests.support.greylist import MemoryGreylist
from tests.support.policies import a_policy
from tests.support.records import MemoryOutages
from tests.support.storages import Shelf
from tests.support.zones import ZoneDns

NOW = datetime(2030, 5, 17, 9, 30, tzinfo=UTC)

RULES = Rules(
    hostname="gw.example",
    postmaster="postmaster@own.example",
    relay=(RelayRule.parse("allow from any to *@own.example"), RelayRule.parse("deny from any to *")),
    policies={POLICY: a_policy()},
    groups=(),
    protected_domains=("own.example",),
    reject_malformed=False,
    starttls=False,
    chunking=False,
    proxies=(),
    limits=Limits(
        sessions=10,
        sessions_per_ip=10,
        messages_per_session=100,
        session_size=10 << 20,
        message_size=10 << 20,
        recipients=100,
        hops=20,
        header_size=64 << 10,
        free_space=0,
    ),
    timeouts=Timeouts(command=60, data_initiation=60, data_termination=60, read=60),
    archive=Storage(StorageKind.INCOMING, ""),
)
"""A site that takes mail for `own.example` from anybody."""


@cache
def server_tls(oldest: TlsVersion = TlsVersion.V1_2) -> SSLContext:
    """TLS with a certificate for `gw.example` that nobody vouches for."""
    with TemporaryDirectory() as folder:
        certificate, key = host_certificate("gw.example").write(Path(folder), "gw")
        context = server_context(TlsSection(certificate=certificate, key=key, minimum_version=oldest))
    assert context is not None
    return context


class SwitchableBus(MemoryBus):
    """A bus that remembers what was published, and can be away or slow."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()
        self.let_go.set()
        self.published: list[tuple[Stage, Mail]] = []

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        if self.away:
            raise TemporaryFailure("the bus is away")
        self.asked.set()
        await self.let_go.wait()
        await super().publish(stage, mails, urgent=urgent)
        self.published.extend((stage, mail) for mail in mails)


class FullWriter(MemoryWriter):
    """A body that finds no room."""

    async def write(self, chunk: bytes) -> None:
        raise TemporaryFailure("no space left")


class SwitchableBlobs(MemoryBlobs):
    """A place for bodies that can be full, or nearly so."""

    free: int | None = None
    is_full = False

    def create(self, owner_id: str) -> MemoryWriter:
        return FullWriter(self, owner_id) if self.is_full else super().create(owner_id)

    async def free_bytes(self) -> int | None:
        return self.free

    @property
    def bodies(self) -> list[bytes]:
        """All that is stored, oldest first."""
        return list(self._bodies.values())


@dataclass
class NotedEvents:
    """The part of the records that the receiver uses."""

    events: list[Event] = field(default_factory=list)
    ready: bool = True
    counted: Counter[str] = field(default_factory=Counter)
    outages: MemoryOutages = field(default_factory=MemoryOutages)
    greylist: MemoryGreylist = field(default_factory=MemoryGreylist)

    def note(self, *events: Event) -> None:
        self.events.extend(events)

    def count(self, counter: counters.Counter, by: int = 1) -> None:
        self.counted[counter] += by

    def reach(self, peak: counters.Peak, value: int) -> None:
        self.counted[peak] = max(self.counted[peak], value)


@dataclass
class Running:
    """A receiver that listens."""

    receiver: Receiver
    port: int  # where TLS may begin with STARTTLS
    encrypted_port: int  # where it comes first, 0 without a certificate
    bus: SwitchableBus
    blobs: SwitchableBlobs
    records: NotedEvents
    shelf: Shelf
    suspended: bool = False

    @property
    def mails(self) -> list[Mail]:
        """All mail that was handed on, in order."""
        return [mail for _, mail in self.bus.published]


@asynccontextmanager
async def receiving(
    rules: Rules = RULES,
    *,
    blobs: Blobs | None = None,
    dns: Dns | None = None,
    register: Register | None = None,
    tls: SSLContext | None = None,
    now: Callable[[], datetime] = lambda: NOW,
) -> AsyncIterator[Running]:
    """A receiver that runs under `rules`; its ids are m1, m2 and so on, its clock stands at `NOW`.

    Without a `dns` of its own no name exists; with a `now` of its own its clock is that.
    """
    dns = dns or ZoneDns({})
    bus, memory, records, shelf = SwitchableBus(), SwitchableBlobs(), NotedEvents(), Shelf()
    numbers = itertools.count(1)
    outages = Outages(records.outages, "p1", now=now)
    lists = BlockLists(rules.black_lists, dns, outages)
    recipients = Recipients(rules.checking, Prober(dns, rules.hostname), outages)
    greylist = Greylist(rules.greylisting, records.greylist, outages, now=now)
    admission = Admission(rules, dns, lists, recipients, greylist, cast(Records, records))
    spool = Spool(
        rules,
        cast(Bus, bus),
        blobs or memory,
        cast(Records, records),
        shelf.storages(memory),
        Examiner(rules.authenticating, admission.relay, dns, rules.hostname, draw=lambda: 0),
        new_id=lambda: f"m{next(numbers)}",
        now=now,
    )
    receiver = Receiver(
        House(
            rules,
            Door(rules.limits, lambda: running.suspended, register or Register.alone()),
            admission,
            spool,
            cast(Records, records),
            tls,
        )
    )
    receiver.listen([("127.0.0.1", 0)])
    if tls is not None:
        receiver.listen([("127.0.0.1", 0)], encrypted=True)
    port, encrypted_port = (*receiver.ports, 0)[:2]
    running = Running(receiver, port, encrypted_port, bus, memory, records, shelf)
    try:
        yield running
    finally:
        await receiver.stop(within=0)
        await recipients.close()
        await lists.close()
        await bus.close()
