"""What the records promise about licence keys and usage, asked of both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.domain.journey import Entered
from gateway.domain.licence import Licence, Place, Refusal, Scope
from gateway.domain.mail import Recipient
from gateway.domain.pipeline import Stage
from gateway.domain.statistics import Counter
from gateway.licences.keyfile import write_key
from gateway.licences.keyring import KeyRefused, Keyring
from gateway.records.database import Database
from gateway.records.licences import LicenceRecords
from gateway.records.postgres import open_postgres
from gateway.records.sql import SqlRecords
from gateway.records.sqlite import open_sqlite
from gateway.records.usage import UsageRecords
from tests.support.licences import MADE, MAKER, SIGNERS, a_licence
from tests.support.mails import a_mail, an_envelope
from tests.support.postgres import execute, postgres_database

TABLES = "mails, recipients, events, counts, licence_keys, licence_clock"


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlRecords]:
    if request.param == "sqlite":
        opened = await open_sqlite(tmp_path / "records.db")
    else:
        opened = await open_postgres(request.getfixturevalue("postgres"))
        execute(request.getfixturevalue("postgres"), f"TRUNCATE {TABLES}")
    yield opened
    await opened.close()


class Site:
    def __init__(self, database: Database) -> None:
        self.today = MADE
        self.keyring = Keyring(LicenceRecords(database), SIGNERS, lambda: self.today)

    async def install(self, licence: Licence) -> Place:
        return (await self.keyring.install(write_key(licence, MAKER).encode(), "a.key")).place

    async def in_use(self) -> tuple[str, str]:
        now = await self.keyring.standing()
        return tuple(key.licence.serial if key else "" for key in (now.active, now.backup))  # type: ignore[return-value]


@pytest.fixture
def site(records: SqlRecords) -> Site:
    return Site(records.database)


async def test_keys_stay_what_they_are(site: Site) -> None:
    assert await site.install(a_licence("A")) is Place.ACTIVE
    assert await site.install(a_licence("B")) is Place.BACKUP
    assert await site.in_use() == ("A", "B")


async def test_the_backup_takes_over_once_and_for_all(site: Site) -> None:
    await site.install(a_licence("A", lifespan=10))
    await site.install(a_licence("B"))
    site.today = MADE + timedelta(days=10)

    assert await site.in_use() == ("B", "")

    site.today = MADE + timedelta(days=11)
    now = await site.keyring.standing()

    assert now.active is not None
    assert now.active.activated == MADE + timedelta(days=10)


async def test_a_clock_that_is_set_back_revives_no_key(site: Site) -> None:
    await site.install(a_licence("A", lifespan=10))
    site.today = MADE + timedelta(days=20)
    assert not (await site.keyring.standing()).in_force

    site.today = MADE

    assert not (await site.keyring.standing()).in_force
    assert (await site.keyring.standing()).today == MADE + timedelta(days=20)


async def test_a_key_that_is_refused_changes_nothing(site: Site) -> None:
    await site.install(a_licence("A"))

    with pytest.raises(KeyRefused, match="installed already"):
        await site.install(a_licence("A"))
    with pytest.raises(KeyRefused, match="signature"):
        await site.keyring.install(write_key(a_licence("B"), MAKER).replace("365", "999").encode(), "a.key")

    assert await site.in_use() == ("A", "")


async def test_a_removed_key_goes_on_with_its_term(site: Site) -> None:
    await site.install(a_licence("A", lifespan=10))
    await site.keyring.remove(Place.ACTIVE, Place.BACKUP)
    assert await site.in_use() == ("", "")

    site.today = MADE + timedelta(days=10)

    with pytest.raises(KeyRefused, match=Refusal.EXPIRED):
        await site.install(a_licence("A", lifespan=10))


async def test_a_key_that_was_changed_in_the_database_counts_for_nothing(
    site: Site, records: SqlRecords
) -> None:
    await site.install(a_licence("A", scope=Scope.ANTI_VIRUS))
    stored = LicenceRecords(records.database)
    (key,) = await stored.keys()
    await stored.keep([replace(key, content=key.content.replace("anti-virus", "anti-virus and anti-spam"))])

    assert await site.in_use() == ("", "")


async def test_who_was_sent_mail_is_counted_once(records: SqlRecords) -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    for number, (address, at) in enumerate(
        (
            ("a@own.example", noon),
            ("A@Own.Example", noon),
            ("b@own.example", noon),
            ("old@own.example", noon - timedelta(days=31)),
        )
    ):
        envelope = replace(an_envelope(), recipients=(Recipient(address),), received_at=at)
        mail = a_mail(f"AbCdEfGh0000{number}", envelope=envelope)
        await records.keep(Entered(mail, Stage.ANTISPAM, at))

    users = await UsageRecords(records.database).recipients(noon - timedelta(days=30))

    assert users == {"a@own.example", "b@own.example"}


async def test_traffic_is_told_by_the_hour(records: SqlRecords) -> None:
    records.count(Counter.RECEIVED_BYTES, 700)
    await records.keep(Entered(a_mail(), Stage.ANTISPAM, datetime.now(UTC)))
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    hours = await UsageRecords(records.database).received_bytes(this_hour - timedelta(hours=23))

    assert sum(hours) == 700
    assert len(hours) == 24
