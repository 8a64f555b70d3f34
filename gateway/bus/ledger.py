"""What lies on disk of the embedded bus: one SQLite file, in the hands of one process and one thread.

Ready mail is kept in the order in which it is taken: a key is the lane (stage and urgency) and a number
that only rises. So neither taking nor adding looks at mail that waits, however much of it there is.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.bus import wire
from gateway.domain.errors import ConfigError
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage

STAGES = tuple(Stage)

LANES = range(2 * len(STAGES))
"""Two lanes a stage, urgent mail in the first one."""

MOST_DUE_AT_ONCE = 500
"""So much waiting mail is made ready in one transaction: others wait no longer than that takes."""

MOST_ROWS = 64
"""Rows that one statement inserts."""

STATEMENTS_KEPT = 4 * MOST_ROWS
"""Prepared statements: one for each number of rows, for the few tables that grow."""

_VERSION = 1
_NUMBER_BITS = 56

_SCHEMA = """
CREATE TABLE ready (key INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE taken (key INTEGER PRIMARY KEY, takes INTEGER NOT NULL);
CREATE TABLE waiting (id INTEGER PRIMARY KEY, due INTEGER NOT NULL, lane INTEGER NOT NULL,
                      content BLOB NOT NULL);
CREATE INDEX waiting_due ON waiting (due);
CREATE TABLE parked (id INTEGER PRIMARY KEY AUTOINCREMENT, stage TEXT NOT NULL, reason TEXT NOT NULL,
                     content BLOB NOT NULL);
"""


def lane_of(stage: Stage, *, urgent: bool) -> int:
    """The lane of that mail."""
    return 2 * STAGES.index(stage) + (0 if urgent else 1)


def stage_of(lane: int) -> Stage:
    """Whose lane it is."""
    return STAGES[lane // 2]


def lane_of_key(key: int) -> int:
    """The lane that a mail of that key is in."""
    return key >> _NUMBER_BITS


def first_key(lane: int) -> int:
    """A key below all keys of `lane`, and not below those of the lane before."""
    return lane << _NUMBER_BITS


@dataclass(slots=True)
class Loaded:
    """A ready mail, and how often it was taken before."""

    key: int
    mail: Mail
    takes: int


@dataclass(slots=True)
class Batch:
    """What shall be written in one transaction."""

    ready: list[tuple[int, bytes]] = field(default_factory=list)  # lane, content
    waiting: list[tuple[int, int, bytes]] = field(default_factory=list)  # due, lane, content
    parked: list[tuple[str, str, bytes]] = field(default_factory=list)  # stage, reason, content
    stopped: list[tuple[int, str]] = field(default_factory=list)  # key of ready mail to park, reason
    retried: list[int] = field(default_factory=list)  # ids of parked mail
    dropped: list[int] = field(default_factory=list)  # ids of parked mail
    taken: Counter[int] = field(default_factory=Counter)  # keys of ready mail, and how often
    gone: list[int] = field(default_factory=list)  # keys of ready mail

    @property
    def only_ready(self) -> bool:
        """Whether nothing but some new mail is written, by one statement."""
        return 0 < len(self.ready) <= MOST_ROWS and self == Batch(ready=self.ready)


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a turn."""

    keys: Sequence[int]  # of `Batch.ready`, in its order
    grown: Mapping[int, int]  # ready mails by lane that came by themselves; below 0, that were parked
    loaded: Mapping[int, tuple[Sequence[Loaded], bool]]  # what was asked for, and whether there is more
    next_due: int | None


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A parked mail as it is stored."""

    id: int
    stage: Stage
    reason: str
    content: bytes


class Ledger:
    """The file. All but `open_ledger` raises `sqlite3.Error`, and has then changed nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        newest = max(self._newest(lane) for lane in LANES)
        self._number = newest + 1
        self._next_due = self._earliest_due()  # nobody else writes into the file: it is locked

    def depths(self) -> list[int]:
        """How many mails are ready in each lane. Reads all of them."""
        count = "SELECT count(*) FROM ready WHERE key >= ? AND key < ?"
        return [self._one(count, (first_key(lane), first_key(lane + 1))) or 0 for lane in LANES]

    def turn(self, batch: Batch, wanted: Mapping[int, tuple[int, int]], now: int) -> Written:
        """Write `batch`, make due mail ready, and load what is `wanted`, all in one transaction.

        `wanted` says for a lane behind which key to begin, and how many.
        """
        is_due = self._next_due is not None and self._next_due <= now
        if batch.only_ready and not wanted and not is_due:
            # The usual turn of a receiver. One statement is a transaction by itself.
            return Written(self._write_ready(batch.ready), {}, {}, self._next_due)

        grown = dict.fromkeys(LANES, 0)
        with self._transaction():
            keys = self._write(batch)
            self._retry(batch.retried, grown)
            if is_due:
                self._make_ready(now, grown)
            loaded = {lane: self._load(lane, after, count, grown) for lane, (after, count) in wanted.items()}
        if is_due or batch.waiting:
            self._next_due = self._earliest_due()
        return Written(keys, grown, loaded, self._next_due)

    def parked_after(self, parked_id: int, count: int) -> list[ParkedRow]:
        """Parked mail behind that id, in order."""
        rows = self._connection.execute(
            "SELECT id, stage, reason, content FROM parked WHERE id > ? ORDER BY id LIMIT ?",
            (parked_id, count),
        )
        return [ParkedRow(number, Stage(stage), reason, content) for number, stage, reason, content in rows]

    def newest_parked(self) -> int:
        """The highest id of parked mail, 0 when there is none."""
        return self._one("SELECT max(id) FROM parked") or 0

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _write_ready(self, ready: Sequence[tuple[int, bytes]]) -> list[int]:
        keys = self._new_keys(lane for lane, _ in ready)
        contents = (content for _, content in ready)
        self._insert("ready (key, content)", list(zip(keys, contents, strict=True)))
        return keys

    def _write(self, batch: Batch) -> list[int]:
        keys = self._write_ready(batch.ready)
        self._insert("waiting (due, lane, content)", batch.waiting)
        self._insert("parked (stage, reason, content)", batch.parked)
        if batch.taken:
            self._connection.execute(
                "INSERT INTO taken SELECT cast(key AS INTEGER), value FROM json_each(?) WHERE true"
                " ON CONFLICT (key) DO UPDATE SET takes = takes + excluded.takes",
                (json.dumps(batch.taken),),
            )
        for key, reason in batch.stopped:
            self._park(key, reason)
        self._remove(batch.gone)
        self._with_keys("DELETE FROM parked WHERE id IN (SELECT value FROM json_each(?))", batch.dropped)
        return keys

    def _retry(self, parked_ids: Sequence[int], grown: dict[int, int]) -> None:
        for parked_id in parked_ids:
            row = self._connection.execute("SELECT stage FROM parked WHERE id = ?", (parked_id,)).fetchone()
            if row is None:
                continue
            lane = lane_of(Stage(row[0]), urgent=False)
            self._connection.execute(
                "INSERT INTO ready SELECT ?, content FROM parked WHERE id = ?",
                (*self._new_keys([lane]), parked_id),
            )
            self._connection.execute("DELETE FROM parked WHERE id = ?", (parked_id,))
            grown[lane] += 1

    def _make_ready(self, now: int, grown: dict[int, int]) -> None:
        due = self._connection.execute(
            "SELECT id, lane, content FROM waiting WHERE due <= ? ORDER BY due LIMIT ?",
            (now, MOST_DUE_AT_ONCE),
        ).fetchall()
        keys = self._new_keys(lane for _, lane, _ in due)
        self._insert("ready (key, content)", [(key, row[2]) for key, row in zip(keys, due, strict=True)])
        self._with_keys(
            "DELETE FROM waiting WHERE id IN (SELECT value FROM json_each(?))", [row[0] for row in due]
        )
        for _, lane, _ in due:
            grown[lane] += 1

    def _load(self, lane: int, after: int, count: int, grown: dict[int, int]) -> tuple[list[Loaded], bool]:
        rows = self._connection.execute(
            "SELECT key, content, coalesce(takes, 0) FROM ready LEFT JOIN taken USING (key)"
            " WHERE key > ? AND key < ? ORDER BY key LIMIT ?",
            (after, first_key(lane + 1), count),
        ).fetchall()
        loaded = []
        for key, content, takes in rows:
            try:
                loaded.append(Loaded(key, wire.decode(content), takes))
            except wire.UndecodableMail as error:
                self._park(key, f"cannot be decoded: {error}")
                grown[lane] -= 1
        return loaded, len(rows) == count

    def _park(self, key: int, reason: str) -> None:
        self._connection.execute(
            "INSERT INTO parked (stage, reason, content) SELECT ?, ?, content FROM ready WHERE key = ?",
            (stage_of(lane_of_key(key)), reason, key),
        )
        self._remove([key])

    def _remove(self, keys: Sequence[int]) -> None:
        self._with_keys("DELETE FROM ready WHERE key IN (SELECT value FROM json_each(?))", keys)
        self._with_keys("DELETE FROM taken WHERE key IN (SELECT value FROM json_each(?))", keys)

    def _new_keys(self, lanes: Iterable[int]) -> list[int]:
        keys = [first_key(lane) + number for number, lane in enumerate(lanes, self._number)]
        self._number += len(keys)
        return keys

    def _newest(self, lane: int) -> int:
        key = self._one(
            "SELECT max(key) FROM ready WHERE key >= ? AND key < ?", (first_key(lane), first_key(lane + 1))
        )
        return 0 if key is None else key - first_key(lane)

    def _insert(self, target: str, rows: Sequence[tuple[object, ...]]) -> None:
        # Each statement gives the interpreter away and must win it back, which is slow while the event
        # loop is busy. So many rows go with one.
        for start in range(0, len(rows), MOST_ROWS):
            chunk = rows[start : start + MOST_ROWS]
            marks = ",".join(["(" + ",".join("?" * len(chunk[0])) + ")"] * len(chunk))
            values = [value for row in chunk for value in row]
            self._connection.execute(f"INSERT INTO {target} VALUES {marks}", values)  # noqa: S608

    def _with_keys(self, statement: str, keys: Sequence[int]) -> None:
        if keys:
            self._connection.execute(statement, (json.dumps(keys),))

    def _earliest_due(self) -> int | None:
        return self._one("SELECT min(due) FROM waiting")

    def _one(self, query: str, values: Sequence[object] = ()) -> int | None:
        (value,) = self._connection.execute(query, values).fetchone()
        return None if value is None else int(value)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # Some errors end the transaction by themselves.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def open_ledger(path: Path) -> Ledger:
    """The ledger in the file at `path`, made when there is none. Raises `ConfigError`."""
    try:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, cached_statements=STATEMENTS_KEPT)
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: cannot open the queue: {error}; its folder must be writable") from error
    try:
        _prepare(connection, path)
        return Ledger(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise ConfigError(
                f"{path}: another process has this queue; stop it, or set another QueuePath"
            ) from error
        raise ConfigError(
            f"{path}: cannot open the queue: {error}; the file and its folder must be writable"
        ) from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise ConfigError(f"{path}: this is no queue, or it is damaged: {error}; move it away") from error
    except ConfigError:
        connection.close()
        raise


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # An exclusive lock is kept from the first access on, and goes with the process, even a killed one.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # 16 MB between checkpoints: most mail is gone before its page would have been copied.
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA cache_size = -16000")
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise ConfigError(f"{path}: written by a newer version; install that, or set another QueuePath")
    if version == 0:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")
