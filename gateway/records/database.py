"""What differs between the databases; all statements, and what they mean, are the same in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Column, CompoundSelect, Connection, Select, Table, TableValuedAlias
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

Insert = sqlite.Insert | postgresql.Insert

Question = Select[Any] | CompoundSelect[Any]

Found = Sequence[Sequence[Any]]
"""The rows of an answer."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One database's way to say it."""

    insert: Callable[[Table], Insert]
    """An insert that knows what to do on conflict."""

    members: Callable[[str], Select[str]]
    """The members of the JSON list bound to that name: one statement for any number of them."""

    elements: Callable[[Column[str]], TableValuedAlias]
    """The elements of the JSON list that a column holds, as the column `value`."""

    rows: Callable[[str, Sequence[Column[Any]]], Select[Any]]
    """The objects of the JSON list bound to that name, as rows of those columns."""

    failures: tuple[type[Exception], ...]
    """What its driver raises besides what SQLAlchemy makes of it."""


class Database(Protocol):
    """Runs plain functions of a connection, beside the event loop."""

    @property
    def dialect(self) -> Dialect:
        """Its way to say it."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a transaction, which is on stable storage when this returns."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do `work`, which changes nothing."""

    async def store(self, inserts: Sequence[Insert], given: Mapping[str, str]) -> None:
        """Do `inserts` in a transaction, on stable storage when this returns. The way of much: no detours."""

    async def ask(self, question: Question, given: Mapping[str, str]) -> Found:
        """The answer to what is asked for each mail, on as short a way."""

    async def close(self) -> None:
        """Let go of all connections."""
