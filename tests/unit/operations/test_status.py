from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from gateway.bases.catalogue import MANIFEST, Family
from gateway.bases.usage import BasesStatus
from gateway.bus.memory import MemoryBus
from gateway.domain.licence import Limit, Standing, Unit
from gateway.domain.pipeline import Module, Stage
from gateway.operations import status
from gateway.operations.status import status_of_gateway
from gateway.records.port import Outage
from gateway.version import VERSION
from tests.support.bases import MADE_AT, a_set_in_use
from tests.support.licences import licensed
from tests.support.mails import NOON
from tests.support.records import A_MAIL, ReadRecords

NO_BASES = Path("/nowhere/bases")


class SilentBus(MemoryBus):
    async def depth(self) -> Mapping[Stage, int]:
        await asyncio.Event().wait()
        return {}


async def test_status_counts_mail_by_state_and_by_stage() -> None:
    records = ReadRecords(
        [A_MAIL, replace(A_MAIL, state="QUE"), replace(A_MAIL, state="QUE"), replace(A_MAIL, state="parked")],
        suspensions=frozenset({Module.SENDER, Module.RECEIVER}),
    )

    found = await status_of_gateway(MemoryBus(), records, licensed().standing, NOON, NO_BASES)

    assert found.states == {"QUE": 2, "WFC": 1, "parked": 1}
    assert found.waiting == {Stage.ANTISPAM: 0, Stage.SCANNER: 0, Stage.SENDER: 0}
    assert found.parked == 1
    assert found.suspended == (Module.RECEIVER, Module.SENDER)
    assert found.version == VERSION


async def test_a_status_that_nobody_gives_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "ANSWER_SECONDS", 0.01)

    with pytest.raises(TimeoutError):
        await status_of_gateway(SilentBus(), ReadRecords(), licensed().standing, NOON, NO_BASES)


async def test_status_tells_what_is_out_of_order_outside() -> None:
    records = ReadRecords()
    outage = Outage("block list bl.example", "it lists everybody", NOON)
    await records.outages.tell("p1", [outage], NOON, NOON + timedelta(minutes=3))

    found = await status_of_gateway(MemoryBus(), records, licensed().standing, NOON, NO_BASES)

    assert found.outages == (outage,)


async def test_the_status_names_the_key_in_use() -> None:
    found = await status_of_gateway(
        MemoryBus(), ReadRecords(), licensed(limit=Limit(50, Unit.USERS)).standing, NOON, NO_BASES
    )

    assert found.licence is not None
    assert (found.licence.serial, found.licence.limit) == ("0001-000001-00000001", "50 users")
    assert (found.licence.days_left, found.licence.last_day) == (365, date(2027, 1, 4))


async def test_without_a_key_the_status_names_none() -> None:
    found = await status_of_gateway(
        MemoryBus(), ReadRecords(), Standing(date.min, None, None), NOON, NO_BASES
    )

    assert found.licence is None


async def test_status_tells_the_databases_in_use(tmp_path: Path) -> None:
    async def asked() -> tuple[BasesStatus, ...]:
        return (
            await status_of_gateway(MemoryBus(), ReadRecords(), licensed().standing, NOON, tmp_path)
        ).bases

    none = await asked()
    made = a_set_in_use(tmp_path / "av", {"rules": b"1"})
    found = await asked()
    (made.folder / MANIFEST).unlink()
    damaged = await asked()

    version = made.manifest.version
    assert none == ()
    assert found == (BasesStatus(Family.ANTIVIRUS, version, MADE_AT, 1),)
    assert damaged == (BasesStatus(Family.ANTIVIRUS, version, None, 0),)
