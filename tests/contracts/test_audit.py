"""What the records promise about who changed what, asked of both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.records.audit import AuditFilter, AuditPlace, AuditRecord, AuditRecords
from gateway.records.postgres import open_postgres
from gateway.records.sqlite import open_sqlite
from tests.support.mails import NOON
from tests.support.postgres import execute

ALL = AuditFilter()
A_RECORD = AuditRecord(
    id="a",
    at=NOON,
    who="console",
    role="operator",
    address="192.0.2.1",
    action="remove_queued_mail",
    target="/v1/queue/x\x00",
    dry_run=False,
)


@pytest.fixture(params=["sqlite", "postgres"])
async def audit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AuditRecords]:
    if request.param == "sqlite":
        records = await open_sqlite(tmp_path / "records.db")
    else:
        url = request.getfixturevalue("postgres")
        records = await open_postgres(url)
        execute(url, "TRUNCATE audit")
    yield records.audit
    await records.close()


async def ids(audit: AuditRecords, wanted: AuditFilter = ALL, behind: AuditPlace | None = None) -> list[str]:
    return [record.id for record in await audit.page(wanted, behind, 2)]


async def test_what_was_begun_is_on_record_without_a_result(audit: AuditRecords) -> None:
    await audit.begin(A_RECORD)
    await audit.begin(A_RECORD)

    assert await audit.page(ALL, None, 10) == [replace(A_RECORD, target="/v1/queue/x�")]


async def test_a_result_is_written_down_once(audit: AuditRecords) -> None:
    await audit.begin(A_RECORD)
    await audit.conclude(replace(A_RECORD, result=200, detail="1 mail"))
    await audit.conclude(replace(A_RECORD, result=500, detail="no"))

    [record] = await audit.page(ALL, None, 10)
    assert (record.result, record.detail) == (200, "1 mail")


async def test_records_are_told_newest_first_page_by_page(audit: AuditRecords) -> None:
    for number, name in enumerate("abc"):
        await audit.begin(replace(A_RECORD, id=name, at=NOON + timedelta(seconds=number // 2)))

    assert await ids(audit) == ["c", "b"]
    assert await ids(audit, behind=AuditPlace(NOON, "b")) == ["a"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(who="other"), ["b"]),
        (AuditFilter(action="remove_queued_mail"), ["a"]),
        (AuditFilter(since=NOON + timedelta(seconds=1)), ["b"]),
        (AuditFilter(before=NOON + timedelta(seconds=1)), ["a"]),
    ],
    ids=str,
)
async def test_records_are_found_by_what_they_say(
    audit: AuditRecords, wanted: AuditFilter, found: list[str]
) -> None:
    await audit.begin(A_RECORD)
    later = NOON + timedelta(seconds=1)
    await audit.begin(replace(A_RECORD, id="b", at=later, who="other", action="suspend_module"))

    assert await ids(audit, wanted) == found


async def test_old_records_are_forgotten(audit: AuditRecords) -> None:
    await audit.begin(A_RECORD)
    await audit.begin(replace(A_RECORD, id="b", at=NOON + timedelta(days=1)))
    await audit.purge(NOON + timedelta(hours=1))

    assert await ids(audit) == ["b"]
