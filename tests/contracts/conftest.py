"""Both databases, for the contracts of what is recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.records.postgres import open_postgres
from gateway.records.sql import SqlRecords
from gateway.records.sqlite import open_sqlite
from tests.support.postgres import execute, postgres_database


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A database of PostgreSQL that the tests of a module share."""
    with postgres_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlRecords]:
    """Empty records, in each kind of database; the module says in `TABLES` what it fills."""
    if request.param == "sqlite":
        opened = await open_sqlite(tmp_path / "records.db")
    else:
        opened = await open_postgres(request.getfixturevalue("postgres"))
        execute(request.getfixturevalue("postgres"), f"TRUNCATE {request.module.TABLES}")
    yield opened
    await opened.close()
