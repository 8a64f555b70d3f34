"""How long a delivery is not on record: the window in which a sender that is killed delivers again.

`python -m bench.window` prints milliseconds from the next hop's 250 until the commit that remembers it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from gateway.domain.journey import Answer, Ended, Ending, Entered, RecipientReply, Tried
from gateway.domain.mail import BodyRef, Envelope, Mail, Recipient
from gateway.records.port import Records
from gateway.records.postgres import open_postgres
from gateway.records.sqlite import open_sqlite
from tests.support.postgres import postgres_database

AT_ONCE = (1, 8, 64)
DELIVERIES = 1500
REPLY = RecipientReply(
    "b@site.example", Answer.DELIVERED, "mx.site.example [192.0.2.9]", 250, "2.0.0", "taken"
)


def a_mail(mail_id: str) -> Mail:
    """A small mail of that id."""
    envelope = Envelope(
        sender="a@client.example",
        recipients=(Recipient(REPLY.address),),
        client_ip="192.0.2.1",
        received_at=datetime.now(UTC),
    )
    return Mail(id=mail_id, source_id=mail_id, envelope=envelope, body=BodyRef("0" * 64, 5000, carried=b""))


async def windows(records: Records, at_once: int, name: str) -> list[float]:
    """Milliseconds of each delivery, when so many are under way and the other stages write as well."""
    taken: list[float] = []
    waiting = list(range(DELIVERIES * min(at_once, 8) // 8))

    async def deliver() -> None:
        while waiting:
            mail_id = f"{name}-{at_once}-{waiting.pop()}"
            now = datetime.now(UTC)
            records.note(Entered(a_mail(mail_id), "antispam", now))
            await records.settled(mail_id)
            began = time.perf_counter()
            await records.keep(Tried(mail_id, now, (REPLY,)))
            taken.append((time.perf_counter() - began) * 1000)
            await records.keep(Ended(mail_id, now, Ending.DELIVERED))

    await asyncio.gather(*(deliver() for _ in range(at_once)))
    return sorted(taken)


async def main() -> None:
    """Print the table."""
    print(f"{'records':<12}{'at once':>8}{'p50 ms':>9}{'p99 ms':>9}{'longest':>9}")
    with tempfile.TemporaryDirectory() as folder, postgres_database() as url:
        worlds = {
            "SQLite": await open_sqlite(Path(folder, "r.sqlite")),
            "PostgreSQL": await open_postgres(url),
        }
        for name, records in worlds.items():
            for at_once in AT_ONCE:
                taken = await windows(records, at_once, name)
                p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
                print(f"{name:<12}{at_once:>8}{p50:>9.1f}{p99:>9.1f}{taken[-1]:>9.1f}")
            await records.close()


if __name__ == "__main__":
    uvloop.run(main())
