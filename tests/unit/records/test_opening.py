"""Opening records: what is made, what is refused, and in which words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event

from gateway.domain.errors import ConfigError
from gateway.records.migrating import migrate
from gateway.records.postgres import open_postgres
from gateway.records.reading import ON_THE_WAY, Reading, queue_page
from gateway.records.schema import metadata
from gateway.records.sqlite import SqliteDatabase, open_sqlite
from gateway.records.writing import Writing
from tests.support.ports import free_port
from tests.support.postgres import execute, postgres_database


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_database() as url:
        yield url


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "made" / "records.db"


async def test_a_missing_file_is_made_for_the_gateway_alone(file: Path) -> None:
    await (await open_sqlite(file)).close()

    assert mode_of(file) == 0o600


async def test_opening_again_keeps_what_is_there(file: Path) -> None:
    first = await open_sqlite(file)
    await first.hurry({"nobody": 1})
    await first.close()

    again = await open_sqlite(file)

    assert await again.counts() == {}
    await again.close()


async def test_a_file_that_is_no_database_is_told_with_its_path_and_a_remedy(tmp_path: Path) -> None:
    file = tmp_path / "records.db"
    file.write_text("no database at all " * 100)

    with pytest.raises(ConfigError, match=rf"sqlite:///{file}: .*not a database; name a file"):
        await open_sqlite(file)


async def test_a_place_where_no_file_can_be_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"sqlite:///.*/file/records.db: .*directory that it may write to"):
        await open_sqlite(tmp_path / "file" / "records.db")


async def test_a_newer_schema_is_refused_by_sqlite(file: Path) -> None:
    await (await open_sqlite(file)).close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(ConfigError, match=r"newer version \(9999\)"):
        await open_sqlite(file)


async def test_a_newer_schema_is_refused_by_postgres() -> None:
    with postgres_database() as url:
        await (await open_postgres(url)).close()
        execute(url, "UPDATE alembic_version SET version_num = '9999'")

        with pytest.raises(ConfigError, match=r"newer version \(9999\)"):
            await open_postgres(url)


async def test_a_server_that_does_not_answer_is_told_without_the_password() -> None:
    url = f"postgresql://gateway:very-secret@127.0.0.1:{free_port()}/mail"

    with pytest.raises(ConfigError, match=r"gateway:\*\*\*@127.0.0.1.*check that the server runs") as failure:
        await open_postgres(url)

    assert "very-secret" not in str(failure.value)
    assert "\n" not in str(failure.value)


async def test_a_database_that_is_not_there_is_told(postgres: str) -> None:
    with pytest.raises(ConfigError, match='database "nowhere" does not exist; check'):
        await open_postgres(postgres.rpartition("/")[0] + "/nowhere")


@pytest.mark.parametrize("url", ["postgresql://host:port/name", "nonsense"])
async def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(ConfigError, match="write postgresql://"):
        await open_postgres(url)


async def test_the_steps_make_the_schema_of_sqlite(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'records.db'}")
    with engine.begin() as connection:
        migrate(connection)

        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


async def test_the_steps_make_the_schema_of_postgres(postgres: str) -> None:
    records = await open_postgres(postgres)

    def differences(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await records.database.write(differences) == []
    await records.close()


async def test_no_everyday_statement_reads_all_mail(file: Path) -> None:
    database = SqliteDatabase(file)
    await (await open_sqlite(file)).close()
    reading, writing = Reading(database.dialect), Writing(database.dialect)
    statements: tuple[Any, ...] = (
        *(reading.one_mail, reading.steps, reading.settled, reading.removed, reading.waiting),
        *(reading.spent_bodies, reading.known_bodies, reading.ended_mails),
        *(writing.remove, writing.claim, writing.release, writing.hurry),
        *(writing.forget_bodies, *writing.forget_mails),
        queue_page(ON_THE_WAY, None, 10),
    )

    def plans(connection: Connection) -> list[str]:
        event.listen(connection, "before_cursor_execute", explained, retval=True)
        return [
            step[3]
            for statement in statements
            for step in connection.execute(statement, needed_by(statement)).cursor.fetchall()
        ]

    found = await database.write(plans)

    assert "SCAN mails" not in found
    assert any("mails_removed" in step for step in found)
    assert any("mails_spent" in step for step in found)
    await database.close()


GIVEN = {
    "ids": "[]",
    "names": "[]",
    "id": "",
    "mail": "",
    "wanted": 1,
    "before": 0,
    "limit": 1,
    "most": 1,
    "until": 0,
    "until_after": 0,
}


def needed_by(statement: Any) -> dict[str, object]:
    return {name: GIVEN[name] for name in statement.compile().params if name in GIVEN}


def explained(
    connection: Connection, cursor: object, statement: str, parameters: object, *_: object
) -> tuple[str, object]:
    return f"EXPLAIN QUERY PLAN {statement}", parameters


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777
