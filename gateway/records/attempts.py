"""Work of a database, done so that what is away for a while is a `TemporaryFailure`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Row
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.domain.errors import TemporaryFailure
from gateway.records.database import Database

AnyRow = Row[*tuple[Any, ...]]

_DEADLOCK = "40P01"
_UNSTORABLE = ("22", "23")  # classes of SQLSTATE: a value that cannot be, a constraint that was broken

T = TypeVar("T")


class Attempts:
    """Asks and changes a database. All work must be harmless when it is done twice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._failures: tuple[type[Exception], ...] = (
            *(DBAPIError, PoolTimeout, OSError),
            *database.dialect.failures,
        )

    async def read(
        self, statement: Executable, given: Mapping[str, object] | None = None
    ) -> Sequence[AnyRow]:
        """What the statement finds."""

        def read(connection: Connection) -> Sequence[AnyRow]:
            return connection.execute(statement, given).all()

        return await self.do(lambda: self._database.read(read))

    async def change(self, *changes: tuple[Executable, Mapping[str, object]]) -> None:
        """Do the statements in one transaction, on stable storage when this returns."""

        def change(connection: Connection) -> None:
            for statement, given in changes:
                connection.execute(statement, given)

        await self.do(lambda: self._database.write(change))

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work`; `TemporaryFailure` for all that is not our own fault."""
        try:
            try:
                return await work()
            except self._failures as error:
                if not _is_over(error):
                    raise
                return await work()
        except self._failures as error:
            if _is_unstorable(error):
                raise
            raise TemporaryFailure(f"records: {in_short(error)}") from error


def in_short(error: BaseException) -> str:
    """What the database said, without statement and values."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return " ".join(str(said).split()) or type(said).__name__


def _is_over(error: BaseException) -> bool:
    """Whether what went wrong is over with the attempt.

    Of connections that nobody used it shows late that they are dead, as all are after a restart of the
    server; and of two who wait for each other the server stops one.
    """
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or _sqlstate(error) == _DEADLOCK


def _is_unstorable(error: BaseException) -> bool:
    return isinstance(error, DataError | IntegrityError) or _sqlstate(error)[:2] in _UNSTORABLE


def _sqlstate(error: BaseException) -> str:
    said = error.orig if isinstance(error, DBAPIError) else error
    return getattr(said, "sqlstate", None) or ""
