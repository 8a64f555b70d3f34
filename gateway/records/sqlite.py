"""Records in one SQLite file, for the gateway on one machine.

SQLite is called by the plain driver in threads of its own: a thread is asked once for a whole
transaction. An asynchronous driver asks it for every statement, cursor and commit, which costs more
than what SQLite does.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Select,
    TableValuedAlias,
    bindparam,
    create_engine,
    event,
    func,
    select,
    true,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import ConfigError
from gateway.records.attempts import in_short
from gateway.records.behind import Pace
from gateway.records.database import Dialect, Found, Insert, Question
from gateway.records.migrating import migrate
from gateway.records.sql import SqlRecords

BUSY_TIMEOUT = 10.0
"""Seconds that one who writes waits for another process that does."""

READERS = 2
CACHE_KIB = 8 * 1024

T = TypeVar("T")


async def open_sqlite(path: Path, pace: Pace | None = None, launch: str = "") -> SqlRecords:
    """Records in the file `path`, made if it is not there; `ConfigError` when it cannot be used.

    What this process counts, it counts as one of `launch`, if that is said.
    """
    try:
        await asyncio.to_thread(_make_file, path)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error

    database = SqliteDatabase(path)
    try:
        await database.write(migrate)
    except (ConfigError, DBAPIError) as error:
        await database.close()
        raise _unusable(path, in_short(error)) from error
    return SqlRecords(database, pace, launch=launch)


def _make_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _members(name: str) -> Select[str]:
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def _elements(stored: Column[str]) -> TableValuedAlias:
    return func.json_each(stored).table_valued("value")


def _rows(name: str, columns: Sequence[Column[Any]]) -> Select[Any]:
    # One statement for all rows: between any two, the thread would give the interpreter away and have to
    # win it back, which is slow while the event loop is busy.
    row = func.json_each(bindparam(name)).table_valued("value").c.value
    # Without a condition, ON CONFLICT would be read as that of a join.
    return select(*(func.json_extract(row, f"$.{column.name}") for column in columns)).where(true())


class SqliteDatabase:
    """Runs work in threads: one that writes, and some that read meanwhile."""

    dialect = Dialect(
        insert=sqlite.insert, members=_members, elements=_elements, rows=_rows, failures=(sqlite3.Error,)
    )

    def __init__(self, path: Path) -> None:
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="records-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="records-reader")
        self._writes = _engine(path, connections=1)
        self._reads = _engine(path, connections=READERS)
        # To become the writer in the middle of a transaction fails at once if another process is one.
        event.listen(self._writes, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a transaction."""

        def transaction() -> T:
            with self._writes.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._writer, transaction)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do `work`, which changes nothing."""

        def reading() -> T:
            with self._reads.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._readers, reading)

    async def store(self, inserts: Sequence[Insert], given: Mapping[str, str]) -> None:
        """Do `inserts` in a transaction."""

        def stored(connection: Connection) -> None:
            for insert in inserts:
                connection.execute(insert, given)

        await self.write(stored)

    async def ask(self, question: Question, given: Mapping[str, str]) -> Found:
        """The answer to `question`."""
        return await self.read(lambda connection: connection.execute(question, given).all())

    async def close(self) -> None:
        """Let go of all connections, when what is under way has ended."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for threads, engine in ((self._readers, self._reads), (self._writer, self._writes)):
            threads.shutdown()
            engine.dispose()


def _engine(path: Path, connections: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        # The driver begins no transactions by itself.
        connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT},
        pool_size=connections,
        max_overflow=0,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")  # readers and the writer do not wait for each other
        connection.execute("PRAGMA synchronous = FULL")  # what is committed survives a power cut
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")

    return engine


def _unusable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"[gateway.records] Url sqlite:///{path}: cannot keep records there: {why}; "
        "name a file that the gateway's user may write to, in a directory that it may write to"
    )
