"""A gateway is killed between a next hop's 250 and its own bookkeeping, and around it.

What is on record is not sent again. What is not yet on record is: that window is the one that remains
(`docs/decisions/0061`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.passage import an_address
from tests.support.ports import free_port
from tests.support.samples import plain
from tests.support.smtp_peer import SILENCE, smtp_peer
from tests.support.standing import Standing, standing
from tests.support.waiting import until

SENT = plain("Lunch on Friday?")
OTHER = free_port()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Standing]:
    """With a second next hop for `other.example`."""
    async with standing(tmp_path, routes=[f"*@other.example [127.0.0.1:{OTHER}]"]) as running:
        yield running


def records_of(gateway: Standing) -> sqlite3.Connection:
    file = gateway.site.folder / "queue" / "records.sqlite"
    return sqlite3.connect(f"file:{file}?mode=rw", uri=True, isolation_level=None)


def delivered(gateway: Standing) -> list[str]:
    with closing(records_of(gateway)) as records:
        rows = records.execute("SELECT address FROM recipients WHERE answer = 'delivered'")
        return [address for (address,) in rows]


@contextmanager
def nothing_can_be_recorded(gateway: Standing) -> Iterator[None]:
    """Another process has the lock of the records until the block is left."""
    with closing(records_of(gateway)) as records:
        records.execute("BEGIN IMMEDIATE")
        yield
        records.execute("ROLLBACK")


async def restart(gateway: Standing) -> None:
    await asyncio.to_thread(gateway.command.start)


async def test_who_is_on_record_gets_the_message_once_though_the_step_never_ended(gateway: Standing) -> None:
    first, second = an_address(), an_address("other.example")
    async with smtp_peer(port=OTHER) as other:
        other.answers["RCPT"] = SILENCE
        await gateway.post(SENT, first, second)
        await until(lambda: delivered(gateway) == [first])

        gateway.command.kill()
        other.answers.clear()
        await restart(gateway)
        await until(lambda: sorted(delivered(gateway)) == sorted([first, second]))

        assert len(gateway.arrived(first)) == 1
        assert len(other.received) == 1


async def test_who_is_killed_before_a_delivery_is_on_record_delivers_it_again(gateway: Standing) -> None:
    to = an_address()
    gateway.next_hop.hold = asyncio.Event()
    await gateway.post(SENT, to)
    await until(lambda: "DATA" in gateway.next_hop.commands)
    with nothing_can_be_recorded(gateway):
        gateway.next_hop.hold.set()
        await gateway.arrival(to)

        gateway.command.kill()
    assert delivered(gateway) == []
    await restart(gateway)

    await until(lambda: delivered(gateway) == [to])
    assert len(gateway.arrived(to)) == 2
