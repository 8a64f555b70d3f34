"""Records in a PostgreSQL database, for the gateway of many processes and machines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import (
    JSON,
    URL,
    Cast,
    Column,
    Connection,
    Select,
    String,
    TableValuedAlias,
    bindparam,
    cast,
    column,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.domain.errors import ConfigError
from gateway.records.attempts import in_short
from gateway.records.behind import Pace
from gateway.records.database import Dialect, Found, Insert, Question
from gateway.records.migrating import migrate
from gateway.records.sql import SqlRecords

CONNECTIONS = 4
CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 15.0
"""Seconds; a server that has not answered by then is as good as away."""

_OPTIONS = {
    "timeout": CONNECT_TIMEOUT,
    "command_timeout": ANSWER_TIMEOUT,
    "server_settings": {"application_name": "mailwarden", "jit": "off"},
}

T = TypeVar("T")

_MIGRATION_LOCK = 0x6D61696C  # any number that only those use who migrate these tables


async def open_postgres(url: str, pace: Pace | None = None, launch: str = "") -> SqlRecords:
    """Records in the database of `url`; `ConfigError` when it cannot be used. `launch` as for `open_sqlite`.

    `postgresql://user:password@host:5432/database?sslmode=verify-full`
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "[gateway.records] Url is no address; write postgresql://user:password@host:5432/database"
        ) from None

    database = PostgresDatabase(address)
    try:
        await database.write(_migrate_alone)
    except _CANNOT_OPEN as error:
        await database.close()
        raise ConfigError(
            f"[gateway.records] Url {address.render_as_string()}: cannot keep records there: "
            f"{in_short(error)}; check that the server runs there, and user, password and database"
        ) from error
    return SqlRecords(database, pace, launch=launch)


def _migrate_alone(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    migrate(connection)


def _members(name: str) -> Select[str]:
    members = func.json_array_elements_text(_json(name))
    return select(members.table_valued("value").c.value)


def _elements(stored: Column[str]) -> TableValuedAlias:
    return func.json_array_elements_text(cast(stored, JSON)).table_valued("value")


def _rows(name: str, columns: Sequence[Column[Any]]) -> Select[Any]:
    typed = (column(one.name, one.type) for one in columns)
    rows = func.json_to_recordset(_json(name)).table_valued(*typed, name="told")
    return select(rows.render_derived(with_types=True))


def _json(name: str) -> Cast[Any]:
    return cast(bindparam(name, type_=String), JSON)


_DRIVER_FAILURES: tuple[type[Exception], ...] = (asyncpg.PostgresError, asyncpg.InterfaceError)
_TROUBLE: tuple[type[Exception], ...] = (OSError, *_DRIVER_FAILURES)
_CANNOT_OPEN: tuple[type[Exception], ...] = (ConfigError, DBAPIError, *_TROUBLE)


class PostgresDatabase:
    """Runs work over connections that are kept open."""

    dialect = Dialect(
        insert=postgresql.insert,
        members=_members,
        elements=_elements,
        rows=_rows,
        failures=_DRIVER_FAILURES,
    )

    def __init__(self, address: URL) -> None:
        query: dict[str, Any] = dict(address.query)
        ssl = {"ssl": query.pop("sslmode")} if "sslmode" in query else {}
        url = address.set(drivername="postgresql+asyncpg", query=query)
        options: dict[str, Any] = _OPTIONS | ssl
        self._engine = create_async_engine(
            url, pool_size=CONNECTIONS, max_overflow=0, pool_timeout=ANSWER_TIMEOUT, connect_args=options
        )
        # One who reads asks one thing: that needs no transaction, and so no words about one.
        self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        _, place = self._engine.dialect.create_connect_args(url)
        self._storing = _Line(partial(asyncpg.connect, **place, **options))
        self._asking = _Line(partial(asyncpg.connect, **place, **options))
        # Of the few statements that are said often.
        self._words: dict[tuple[Insert | Question, ...], _Words] = {}

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a transaction."""
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do `work`, which changes nothing."""
        async with self._reads.connect() as connection:
            return await connection.run_sync(work)

    async def store(self, inserts: Sequence[Insert], given: Mapping[str, str]) -> None:
        """Do `inserts`, all in one statement: that is a transaction by itself, and a single round trip."""
        if inserts:
            await self._storing.say(self._in_words(*inserts), given)

    async def ask(self, question: Question, given: Mapping[str, str]) -> Found:
        """The answer to `question`."""
        return await self._asking.say(self._in_words(question), given)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._storing.close()
        await self._asking.close()
        await self._engine.dispose()

    def _in_words(self, *statements: Insert | Question) -> _Words:
        if statements not in self._words:
            *others, last = statements
            # The server does the parts of a statement in one order, so that no two wait for each other.
            whole = last.add_cte(*(other.cte() for other in others)) if others else last
            said = whole.compile(dialect=self._engine.dialect)
            self._words[statements] = _Words(str(said), tuple(said.positiontup or ()), said.params)
        return self._words[statements]


@dataclass(frozen=True, slots=True)
class _Words:
    """A statement in the words of the driver: its text, and what is bound in it, in order."""

    text: str
    names: tuple[str, ...]
    fixed: dict[str, object]


class _Line:
    """A connection that is kept, and spoken to by the driver alone, one statement at a time.

    The layers between cost several times what a short statement does.
    """

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._connect = connect
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()

    async def say(self, words: _Words, given: Mapping[str, str]) -> Found:
        """Do a statement, which twice is harmless, in a transaction of its own."""
        bound = words.fixed | dict(given)
        values = [bound[name] for name in words.names]
        async with self._turn:
            connection = await self._connected()
            try:
                found: Found = await connection.fetch(words.text, *values)
            except _TROUBLE:
                # Of a connection that nobody used it shows late that the server was started again.
                if not connection.is_closed():
                    raise
                found = await (await self._connected()).fetch(words.text, *values)
            return found

    async def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            with suppress(*_TROUBLE):
                await self._connection.close(timeout=CONNECT_TIMEOUT)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection
