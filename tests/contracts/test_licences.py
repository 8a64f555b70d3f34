"""What the records promise about licence keys and usage, asked of both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.journey import Entered
from gateway.domain.licence import Licence, LicenceType, Place, Refusal, Scope
from gateway.domain.mail import Recipient
from gateway.domain.pipeline import Stage
from gateway.domain.statistics import Counter
from gateway.licences.keyfile import write_key
from gateway.licences.keyring import KeyRefused, Keyring
from gateway.licences.revocations import write_list
from gateway.licences.signed import Signer, name_of
from gateway.records.database import Database
from gateway.records.licences import LicenceRecords, StoredKey
from gateway.records.sql import SqlRecords
from tests.support.licences import MADE, MAKER, SIGNERS, a_licence
from tests.support.mails import a_mail, an_envelope

TABLES = "mails, recipients, events, counts, licence_keys, licence_clock, licence_revocations"


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
    changed = replace(key, content=key.content.replace("anti-virus", "anti-virus and anti-spam"))
    await stored.change(lambda _: [changed])

    assert await site.in_use() == ("", "")


async def test_of_many_who_install_at_once_one_installs_the_active_key_and_one_the_backup(
    site: Site, records: SqlRecords
) -> None:
    serials = [f"K{number}" for number in range(8)]

    async def install(serial: str) -> str:
        try:
            return await site.install(a_licence(serial))
        except KeyRefused as refused:
            return str(refused)

    answers = await asyncio.gather(*map(install, serials))

    assert sorted(answers) == sorted([Place.ACTIVE, Place.BACKUP, *[Refusal.BACKUP_EXISTS] * 6])
    stored = await LicenceRecords(records.database).keys()
    assert sorted(key.place for key in stored) == [Place.ACTIVE, Place.BACKUP]


async def test_two_processes_that_change_keys_at_once_lose_nothing(site: Site, records: SqlRecords) -> None:
    await site.install(a_licence("A", lifespan=10))
    await site.install(a_licence("B"))
    site.today = MADE + timedelta(days=10)

    await asyncio.gather(
        *(site.keyring.standing() for _ in range(4)), site.keyring.remove(Place.BACKUP), site.in_use()
    )

    stored = {key.serial: key for key in await LicenceRecords(records.database).keys()}
    assert stored["A"].activated == MADE
    removed_before_its_term = stored["B"].place is Place.REMOVED and stored["B"].activated is None
    took_over = stored["B"].place is Place.ACTIVE and stored["B"].activated == site.today
    assert removed_before_its_term or took_over


async def test_what_a_change_raises_leaves_all_keys_as_they_were(site: Site, records: SqlRecords) -> None:
    await site.install(a_licence("A"))
    stored = LicenceRecords(records.database)

    def refuse(keys: Sequence[StoredKey]) -> Sequence[StoredKey]:
        raise KeyRefused("no")

    with pytest.raises(KeyRefused):
        await stored.change(refuse)

    assert await site.in_use() == ("A", "")


async def test_a_dry_run_says_what_would_be_and_changes_nothing(site: Site) -> None:
    await site.install(a_licence("A"))
    file = write_key(a_licence("B"), MAKER).encode()

    would_be = await site.keyring.install(file, "b.key", dry_run=True)
    would_go = await site.keyring.remove(Place.ACTIVE, Place.BACKUP, dry_run=True)

    assert (would_be.licence.serial, would_be.place) == ("B", Place.BACKUP)
    assert would_go == (Place.ACTIVE,)
    assert await site.in_use() == ("A", "")


async def test_the_newest_list_of_revoked_keys_counts_in_all_processes(site: Site) -> None:
    await site.install(a_licence("A"))
    await site.install(a_licence("B"))

    assert await site.keyring.revoke(write_list(2, ["A"], MAKER).encode())
    assert await site.in_use() == ("B", "")

    assert not await site.keyring.revoke(write_list(1, [], MAKER).encode())
    assert await site.in_use() == ("B", "")
    with pytest.raises(KeyRefused, match=Refusal.REVOKED):
        await site.install(a_licence("A"))


async def test_a_key_takes_the_place_of_one_that_was_revoked(site: Site) -> None:
    await site.install(a_licence("A"))
    await site.keyring.revoke(write_list(1, ["A"], MAKER).encode())
    assert await site.in_use() == ("", "")

    assert await site.install(a_licence("B")) is Place.ACTIVE
    assert await site.in_use() == ("B", "")


async def test_a_list_revokes_no_keys_that_its_signer_may_not_give(site: Site, records: SqlRecords) -> None:
    await site.install(a_licence("A"))
    for_trials = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = for_trials.public_key()
    signers = SIGNERS | {name_of(public): Signer(public, frozenset({LicenceType.TRIAL}))}
    keyring = Keyring(LicenceRecords(records.database), signers, lambda: MADE)

    await keyring.revoke(write_list(1, ["A"], for_trials).encode())

    assert (await keyring.standing()).in_force


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

    users = await records.usage.recipients(noon - timedelta(days=30))

    assert users == {"a@own.example", "b@own.example"}


async def test_traffic_is_told_by_the_hour(records: SqlRecords) -> None:
    records.count(Counter.RECEIVED_BYTES, 700)
    await records.keep(Entered(a_mail(), Stage.ANTISPAM, datetime.now(UTC)))
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    hours = await records.usage.received_bytes(this_hour - timedelta(hours=23))

    assert sum(hours) == 700
    assert len(hours) == 24
