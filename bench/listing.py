"""How long the first page of a listing takes, over a million records: `python -m bench.listing`.

The rows are made by the databases themselves. Each question is asked through the API, in this process, as a
client asks it; the figures are milliseconds, the median and the slowest of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

from gateway.operations.storages import id_of
from gateway.records.postgres import open_postgres
from gateway.records.sql import SqlRecords
from gateway.records.sqlite import open_sqlite
from services.api.tokens import Role
from tests.support.api import an_api
from tests.support.postgres import execute, postgres_database

MANY = 1_000_000
STORAGE = "/bench/quarantine"

# A mail a second for eleven days: one in a hundred is on its way, ten are of a rare sender.
_SERIES: Mapping[str, str] = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {many}) ",
    "postgres": "WITH s AS (SELECT generate_series(1, CAST({many} AS bigint)) AS n) ",
}
_MAILS = """INSERT INTO mails (id, source_id, group_name, sender, recipients, client_ip, message_id, size,
    received_at, body, state, state_at, ended_at, attempts, reason, generation, removed, subject)
    {series} SELECT 'm' || n, 'm' || n, '',
    CASE WHEN n % 100000 = 7 THEN 'rare@client.example' ELSE 'from' || (n % 5000) || '@client.example' END,
    '["to' || (n % 20000) || '@site.example"]', '192.0.2.' || (n % 250), '<' || n || '@client.example>',
    30000,
    1767225600000000 + n * 1000000, NULL, CASE WHEN n % 100 = 0 THEN 'QUE' ELSE 'delivered' END,
    1767225600000000 + n * 1000000, CASE WHEN n % 100 = 0 THEN NULL ELSE 1767225600000000 + n * 1000000 END,
    0, '', 0, false, 'Message number ' || n FROM s"""
_EVENTS = """INSERT INTO events (mail_id, at, digest, number, kind, detail) {series}
    SELECT 'm' || n, 1767225600000000 + n * 1000000, n, n, 'Ended', '{{"ending":"delivered","reason":""}}'
    FROM s"""
_MAIL = (
    '{"id":"m","source_id":"m","envelope":{"sender":"a@client.example","recipients":[{"address":'
    '"b@site.example"}],"client_ip":"192.0.2.1","received_at":"2026-01-01T00:00:00Z"},'
    '"body":{"name":"0-m","size":100}}'
)
_ENTRIES = """INSERT INTO storage_entries (storage, id, status, size, preface, stored_at, sender,
    recipients, mail, release, checked, failure, removed) {series}
    SELECT '{storage}', 'm' || n, 'as/spam', 30000, 300, 1767225600000000 + n * 1000000, 'a@client.example',
    '["b@site.example"]', '{mail}', 0, false, '', false FROM s"""
_AUDIT = """INSERT INTO audit (at, id, who, role, address, action, target, dry_run, result, detail) {series}
    SELECT 1767225600000000 + n * 1000000, 'a' || n, 'console', 'operator', '192.0.2.1', 'remove_queued_mail',
    '/v1/queue/m' || n, false, 200, '' FROM s"""

QUESTIONS: Mapping[str, str] = {
    "queue": "/v1/queue",
    "queue, one state": "/v1/queue?state=QUE",
    "messages": "/v1/messages",
    "by Message-ID": "/v1/messages?message_id=77777@client.example",
    "by id": "/v1/messages/m77777",
    "by a common sender": "/v1/messages?sender=from77@client.example",
    "by a rare sender, first page": "/v1/messages?sender=rare@*",
    "by recipient, one day": "/v1/messages?recipient=to777@*"
    "&since=2026-01-05T00:00:00Z&until=2026-01-06T00:00:00Z",
    "by subject": "/v1/messages?subject=*999999*",
    "storages": "/v1/storages",
    "entries of a storage": f"/v1/storages/{id_of(STORAGE)}/entries",
    "the same, newest first": f"/v1/storages/{id_of(STORAGE)}/entries?newest_first=true",
    "audit": "/v1/audit",
    "status": "/v1/status",
}


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="bench.listing", description=__doc__.partition("\n")[0])
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    measured: dict[str, dict[str, list[float]]] = {}
    with postgres_database() as url:
        for kind in ("sqlite", "postgres"):
            measured[kind] = asyncio.run(_measure(kind, url, options.many, options.rounds))
    print(f"{'first page of':32}" + "".join(f"{kind:>12}{'slowest':>10}" for kind in measured))
    for name in QUESTIONS:
        cells = "".join(
            f"{statistics.median(times[name]):12.1f}{max(times[name]):10.1f}" for times in measured.values()
        )
        print(f"{name:32}{cells}")
    return 0


async def _measure(kind: str, url: str, many: int, rounds: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _filled(kind, url, folder, many) as records, an_api(folder, records=records) as api:
            client = api.client(Role.ADMINISTRATOR)
            taken: dict[str, list[float]] = {name: [] for name in QUESTIONS}
            for _ in range(rounds):
                for question, path in QUESTIONS.items():
                    begun = time.perf_counter()
                    answer = await client.get(path)
                    taken[question].append(1000 * (time.perf_counter() - begun))
                    answer.raise_for_status()
            return taken


@asynccontextmanager
async def _filled(kind: str, url: str, folder: Path, many: int) -> AsyncIterator[SqlRecords]:
    file = folder / "many.sqlite"
    opened = await (open_sqlite(file) if kind == "sqlite" else open_postgres(url))
    await opened.close()
    statements = [
        statement.format(series=_SERIES[kind].format(many=many), storage=STORAGE, mail=_MAIL)
        for statement in (_MAILS, _EVENTS, _ENTRIES, _AUDIT)
    ]
    if kind == "sqlite":
        with closing(sqlite3.connect(file)) as database:
            for statement in (*statements, "ANALYZE"):
                database.execute(statement)
            database.commit()
    else:
        await asyncio.to_thread(execute, url, *statements, "VACUUM ANALYZE")
    records = await (open_sqlite(file) if kind == "sqlite" else open_postgres(url))
    try:
        yield records
    finally:
        await records.close()


if __name__ == "__main__":
    raise SystemExit(main())
