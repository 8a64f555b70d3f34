"""The life of licence keys, day by day: what the site may do, and what its administrator hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from gateway.bus.memory import MemoryBus
from gateway.domain.errors import TemporaryFailure
from gateway.domain.licence import Licence, LicenceType, Limit, Place, Standing, Unit
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage
from gateway.domain.statistics import Counter, Gauge
from gateway.licences.keyfile import write_key
from gateway.licences.keyring import Keyring
from gateway.licences.revocations import write_list
from gateway.records.licences import LicenceRecords
from gateway.records.sql import SqlRecords
from gateway.runtime.announcing import CLAIM, LOOK_EVERY, Announcer
from gateway.runtime.wiring import Gateway
from tests.support.licences import MADE, MAKER, SIGNERS, a_licence
from tests.support.stages import a_gateway

DAY = timedelta(days=1)
LAST_DAY = MADE + 364 * DAY


class PublishedBus(MemoryBus):
    """Remembers what was published, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[Mail] = []
        self.away = False

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        if self.away:
            raise TemporaryFailure("the broker is away")
        assert stage is Stage.SENDER
        self.published += mails


@dataclass
class Site:
    gateway: Gateway
    bus: PublishedBus
    keyring: Keyring
    _days: dict[str, date]

    @property
    def today(self) -> date:
        return self._days["today"]

    @today.setter
    def today(self, day: date) -> None:
        self._days["today"] = day

    @property
    def records(self) -> SqlRecords:
        assert isinstance(self.gateway.records, SqlRecords)
        return self.gateway.records

    @property
    def now(self) -> datetime:
        return datetime.combine(self.today, time(12), UTC)

    async def install(self, licence: Licence) -> Place:
        return (await self.keyring.install(write_key(licence, MAKER).encode(), "a.key")).place

    async def look(self, later: timedelta = timedelta(), processes: int = 3) -> Standing:
        """All processes look, none of which was there before: each remembers nothing."""
        standing = await self.keyring.standing()
        now = self.now + later
        await asyncio.gather(*(Announcer(self.gateway).look(standing, now) for _ in range(processes)))
        return standing

    async def told_on(self, day: date) -> list[str]:
        """The subjects of what the administrator is sent on that day."""
        self.today = day
        self.bus.published.clear()
        await self.look()
        return [await self.subject(mail) for mail in self.bus.published]

    async def received(self, megabytes: int, at: datetime) -> None:
        """So much mail came in the hour of that time, and none before."""
        hour = int(at.timestamp()) // 3600 * 3600
        row = f"({hour}, '{Counter.RECEIVED_BYTES}', 'p1', {megabytes << 20})"
        insert = f"INSERT OR REPLACE INTO counts (hour, counter, source, value) VALUES {row}"
        await self.records.database.write(lambda to: to.exec_driver_sql(insert))

    async def text(self, mail: Mail) -> str:
        return (await self.gateway.blobs.read(mail.body)).decode()

    async def subject(self, mail: Mail) -> str:
        lines = (await self.text(mail)).splitlines()
        return next(line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: "))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    bus = PublishedBus()
    settings = {
        "smtpgw.policy AdminNotifyAddress": "admin@site.example",
        "smtpgw.policy NotifyFromAddress": "gateway@site.example",
        "smtpgw.network ProtectedDomains": "own.example",
    }
    async with a_gateway(tmp_path, bus, settings=settings) as gateway:
        assert isinstance(gateway.records, SqlRecords)
        days = {"today": MADE}
        keyring = Keyring(LicenceRecords(gateway.records.database), SIGNERS, lambda: days["today"])
        yield Site(gateway, bus, keyring, days)


async def test_the_end_of_a_term_is_told_seven_and_three_days_ahead_and_on_the_last_day(site: Site) -> None:
    await site.install(a_licence())

    told = {left: await site.told_on(LAST_DAY - left * DAY) for left in range(10, -4, -1)}

    assert {left: subjects for left, subjects in told.items() if subjects} == {
        7: ["The licence of the mail gateway ends in 7 days"],
        3: ["The licence of the mail gateway ends in 3 days"],
        0: ["The licence of the mail gateway ends today"],
    }


async def test_a_gateway_that_was_off_on_the_day_tells_it_afterwards(site: Site) -> None:
    await site.install(a_licence())

    assert await site.told_on(LAST_DAY - 5 * DAY) == ["The licence of the mail gateway ends in 5 days"]
    assert await site.told_on(LAST_DAY - 4 * DAY) == []
    assert await site.told_on(LAST_DAY + 9 * DAY) == ["The licence of the mail gateway has ended"]


async def test_what_the_administrator_reads_names_the_key_and_the_remedy(site: Site) -> None:
    await site.install(a_licence())
    await site.told_on(LAST_DAY)

    (mail,) = site.bus.published
    text = await site.text(mail)

    assert [to.address for to in mail.envelope.recipients] == ["admin@site.example"]
    assert mail.envelope.sender == ""
    assert "From: Mail gateway <gateway@site.example>" in text
    assert "Auto-Submitted: auto-generated" in text
    assert "The licence key 0001-000001-00000001 for Example Ltd ends on 2027-01-04, today." in text
    assert "licensemanager -a FILE" in text


async def test_a_backup_takes_over_in_silence_and_its_own_end_is_told(site: Site) -> None:
    await site.install(a_licence("A"))
    await site.install(a_licence("B"))

    assert await site.told_on(LAST_DAY) == []
    assert await site.told_on(LAST_DAY + DAY) == []
    assert (await site.keyring.standing()).in_force
    assert await site.told_on(LAST_DAY + 365 * DAY) == ["The licence of the mail gateway ends today"]


async def test_a_trial_ends_and_does_not_begin_again(site: Site) -> None:
    await site.install(a_licence("T", type=LicenceType.TRIAL, lifespan=14))
    assert await site.told_on(MADE + 13 * DAY) == ["The licence of the mail gateway ends today"]
    assert "does not start again" in await site.text(site.bus.published[0])

    site.today = MADE + 14 * DAY
    assert not (await site.keyring.standing()).may_start

    site.today = MADE
    assert not (await site.keyring.standing()).may_start


async def test_a_revoked_key_is_told_of_once_and_the_backup_takes_over(site: Site) -> None:
    await site.install(a_licence("A"))
    await site.keyring.revoke(write_list(1, ["A"], MAKER).encode())

    assert await site.told_on(MADE) == ["The licence key of the mail gateway was revoked"]
    assert await site.told_on(MADE + DAY) == []
    assert not (await site.keyring.standing()).may_start

    assert await site.install(a_licence("B")) is Place.ACTIVE
    assert (await site.keyring.standing()).may_start


async def test_traffic_near_and_over_the_limit_is_told_once_a_day(site: Site) -> None:
    await site.install(a_licence(limit=Limit(10, Unit.MEGABYTES)))
    noon = datetime.combine(MADE, time(12)).astimezone()

    async def told(megabytes: int, now: datetime) -> list[str]:
        await site.received(megabytes, noon)
        site.bus.published.clear()
        await Announcer(site.gateway).look(await site.keyring.standing(), now)
        return [await site.subject(mail) for mail in site.bus.published]

    assert await told(8, noon) == []
    assert await told(9, noon + LOOK_EVERY) == [
        "The use of the mail gateway is near the limit of its licence"
    ]
    assert await told(10, noon + LOOK_EVERY * 2) == []
    assert await told(11, noon + LOOK_EVERY * 3) == [
        "The use of the mail gateway is over the limit of its licence"
    ]
    assert await told(12, noon + LOOK_EVERY * 4) == []
    assert await site.gateway.records.gauges.known(noon + LOOK_EVERY * 4) == {Gauge.LICENCE_USED: 12}


async def test_use_is_counted_by_one_process_at_a_time(site: Site) -> None:
    await site.install(a_licence(limit=Limit(1, Unit.USERS)))
    asked: list[datetime] = []

    @dataclass
    class Counted:
        async def recipients(self, since: datetime) -> frozenset[str]:
            asked.append(since)
            return frozenset({"a@own.example", "b@own.example", "c@else.example"})

    site.records.usage = Counted()  # type: ignore[assignment]

    assert await site.told_on(MADE) == ["The use of the mail gateway is over the limit of its licence"]
    assert await site.told_on(MADE + DAY) == []
    assert len(asked) == 2


async def test_while_the_bus_is_away_it_is_told_later_and_once(site: Site) -> None:
    await site.install(a_licence())
    site.today, site.bus.away = LAST_DAY, True
    with pytest.raises(TemporaryFailure):
        await site.look(processes=1)
    site.bus.away = False

    await site.look()
    assert site.bus.published == []

    await site.look(later=CLAIM)
    await site.look(later=CLAIM * 2)
    assert [await site.subject(mail) for mail in site.bus.published] == [
        "The licence of the mail gateway ends today"
    ]


async def test_who_is_killed_while_telling_is_followed_by_the_same_mail(site: Site) -> None:
    await site.install(a_licence())
    site.today = LAST_DAY
    await site.look()
    # As if the process had been killed after it published and before it said so.
    await site.records.database.write(lambda to: to.exec_driver_sql("UPDATE announcements SET told = false"))

    await site.look(later=CLAIM)

    first, second = site.bus.published
    assert first.id == second.id
