from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.domain.licence import Limit, Load, Place, Standing, Unit
from gateway.domain.statistics import Gauge
from gateway.licences.keyfile import write_key
from gateway.licences.keyring import KeyRefused, Keyring
from gateway.licences.revocations import write_list
from gateway.operations.licences import (
    install_licence,
    remove_licences,
    show_licences,
    status_of_licence,
    usage_of_licence,
)
from gateway.records.licences import LicenceRecords
from gateway.records.sqlite import open_sqlite
from tests.support.licences import MADE, MAKER, SIGNERS, a_licence, licensed
from tests.support.records import MemoryUsage

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
async def keyring(tmp_path: Path) -> AsyncIterator[Keyring]:
    records = await open_sqlite(tmp_path / "records.db")
    yield Keyring(LicenceRecords(records.database), SIGNERS, lambda: MADE)
    await records.close()


async def test_keys_are_installed_shown_and_removed(keyring: Keyring) -> None:
    limit = Limit(50, Unit.USERS)
    installed = await install_licence(
        keyring, write_key(a_licence("A", limit=limit), MAKER).encode(), "a.key"
    )
    await install_licence(keyring, write_key(a_licence("B"), MAKER).encode(), "b.key")

    shown = await show_licences(keyring)

    assert shown.active == installed
    assert (installed.serial, installed.file, installed.limit) == ("A", "a.key", "50 users")
    assert (installed.place, installed.activated, installed.days_left) == (Place.ACTIVE, MADE, 365)
    assert shown.backup is not None
    assert (shown.backup.serial, shown.backup.activated) == ("B", None)

    assert await remove_licences(keyring, Place.ACTIVE, Place.BACKUP) == (Place.ACTIVE, Place.BACKUP)
    assert (await show_licences(keyring)).active is None


async def test_a_dry_run_installs_and_removes_nothing(keyring: Keyring) -> None:
    file = write_key(a_licence("A"), MAKER).encode()

    assert (await install_licence(keyring, file, "a.key", dry_run=True)).place is Place.ACTIVE
    assert (await show_licences(keyring)).active is None

    await install_licence(keyring, file, "a.key")

    assert await remove_licences(keyring, Place.ACTIVE, dry_run=True) == (Place.ACTIVE,)
    assert (await show_licences(keyring)).active is not None
    with pytest.raises(KeyRefused, match="installed already"):
        await install_licence(keyring, file, "a.key", dry_run=True)


async def test_a_revoked_key_is_shown_as_such(keyring: Keyring) -> None:
    await install_licence(keyring, write_key(a_licence("A"), MAKER).encode(), "a.key")
    await keyring.revoke(write_list(1, ["A"], MAKER).encode())

    shown = await show_licences(keyring)

    assert shown.active is None
    assert shown.revoked is not None
    assert shown.revoked.serial == "A"


@pytest.mark.parametrize(
    ("limit", "usage", "used"),
    [
        (Limit(10, Unit.USERS), MemoryUsage(frozenset({"a@own.example", "b@else.example"})), 1),
        (Limit(10, Unit.MEGABYTES), MemoryUsage(hours=[3 << 20, 1, *[0] * 22]), 4),
    ],
)
async def test_usage_counts_what_the_key_limits(limit: Limit, usage: MemoryUsage, used: int) -> None:
    found = await usage_of_licence(licensed(limit=limit).standing, usage, ("own.example",), NOON)

    assert found is not None
    assert (found.usage.used, found.usage.left) == (used, 10 - used)


async def test_without_a_limit_nothing_is_counted() -> None:
    assert await usage_of_licence(licensed().standing, MemoryUsage(), ("own.example",), NOON) is None
    assert await usage_of_licence(Standing(MADE, None, None), MemoryUsage(), (), NOON) is None


@pytest.mark.parametrize(
    ("used", "load"), [(None, None), (10, Load.WITHIN), (45, Load.NEAR), (60, Load.OVER)]
)
def test_status_tells_how_use_stands_to_the_limit(used: int | None, load: Load | None) -> None:
    gauges = {} if used is None else {Gauge.LICENCE_USED: used}

    found = status_of_licence(licensed(limit=Limit(50, Unit.USERS)).standing, gauges)

    assert found is not None
    assert (found.used, found.load) == (used, load)


def test_status_tells_that_the_term_ends_soon() -> None:
    standing = licensed().standing
    assert standing.active is not None
    last_days = Standing(standing.active.last_day() - timedelta(days=7), standing.active, None)

    found = [status_of_licence(now, {}) for now in (standing, last_days)]

    assert [status.ends_soon for status in found if status] == [False, True]
