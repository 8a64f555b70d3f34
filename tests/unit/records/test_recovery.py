"""Records while their database goes away and comes back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Entered, Moved
from gateway.records.behind import Pace
from gateway.records.port import Records, Settled
from gateway.records.postgres import open_postgres
from gateway.records.sqlite import open_sqlite
from tests.support.mails import NOON, a_mail
from tests.support.postgres import PrivatePostgres

IMPATIENT = Pace(write_every=0.01, first_retry=0.01, longest_retry=0.05, keep_within=0.3)


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    with PrivatePostgres() as private:
        yield private


async def keep_when_it_works(records: Records, mail_id: str) -> None:
    for _ in range(100):
        try:
            return await records.keep(Moved(mail_id, NOON, "QUE"))
        except TemporaryFailure:
            continue
    raise AssertionError("records do not recover")


async def test_an_unnoticed_restart_of_the_server_is_not_felt(server: PrivatePostgres) -> None:
    records = await open_postgres(f"{server.url}/postgres", IMPATIENT)
    await records.keep(Entered(a_mail("before"), "antispam", NOON))
    await records.settled("before")
    server.restart()

    assert await records.settled("before") == Settled()
    assert await records.mail("before") is not None
    await records.hurry({"before": 1})
    await records.close()


async def test_what_was_noted_while_the_server_was_away_is_there_afterwards(server: PrivatePostgres) -> None:
    records = await open_postgres(f"{server.url}/postgres", IMPATIENT)
    server.kill()
    records.note(Entered(a_mail("noted"), "antispam", NOON))

    with pytest.raises(TemporaryFailure):
        await records.keep(Entered(a_mail("kept"), "antispam", NOON))
    with pytest.raises(TemporaryFailure):
        await records.settled("noted")
    with pytest.raises(TemporaryFailure):
        await records.counts()
    server.start()
    await keep_when_it_works(records, "afterwards")

    assert {mail.id async for mail in records.queue()} >= {"noted", "kept", "afterwards"}
    await records.close()


async def test_a_file_that_another_process_holds_is_a_temporary_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.records.sqlite.BUSY_TIMEOUT", 0.05)
    records = await open_sqlite(tmp_path / "records.db", IMPATIENT)
    other = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(TemporaryFailure):
        await records.keep(Entered(a_mail("kept"), "antispam", NOON))
    with pytest.raises(TemporaryFailure, match="locked"):
        await records.remove(["kept"])
    other.execute("ROLLBACK")
    other.close()
    await keep_when_it_works(records, "afterwards")

    assert {mail.id async for mail in records.queue()} == {"kept", "afterwards"}
    await records.close()
