"""While the broker or the database is away, clients are asked to come again; when it is back, mail flows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.support.passage import an_address
from tests.support.postgres import PrivatePostgres
from tests.support.posting import added_on_top
from tests.support.rabbitmq import PrivateBroker
from tests.support.samples import plain
from tests.support.standing import Standing, standing

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENT = plain("Lunch on Friday?")
WITHIN = 90.0
"""Seconds until a server that is away is noticed, and until one that is back is."""


@dataclass(frozen=True)
class Servers:
    """What the pipeline needs."""

    broker: PrivateBroker
    database: PrivatePostgres


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with PrivateBroker() as broker, PrivatePostgres() as database:
        yield Servers(broker, database)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> AsyncIterator[Standing]:
    folder = tmp_path_factory.mktemp("site")
    records_url = f"{servers.database.url}/postgres"
    async with standing(folder, bus_url=servers.broker.url, records_url=records_url) as running:
        yield running


AWAY: Mapping[str, tuple[Callable[[Servers], None], Callable[[Servers], None]]] = {
    "a broker that was killed": (lambda to: to.broker.kill(), lambda to: to.broker.start()),
    "a broker that does not answer": (lambda to: to.broker.freeze(), lambda to: to.broker.thaw()),
    "a database that was killed": (lambda to: to.database.kill(), lambda to: to.database.start()),
}


@pytest.mark.parametrize(("leave", "come_back"), AWAY.values(), ids=AWAY.keys())
async def test_without_a_server_mail_is_refused_for_now_and_none_is_lost(
    gateway: Standing,
    servers: Servers,
    leave: Callable[[Servers], None],
    come_back: Callable[[Servers], None],
) -> None:
    accepted: list[str] = []

    async def post() -> str:
        address = an_address()
        reply = await gateway.post(SENT, address)
        if reply.startswith("250"):
            accepted.append(address)
        return reply

    await gateway.send(SENT)
    posting = [asyncio.create_task(post()) for _ in range(20)]
    await asyncio.to_thread(leave, servers)
    await asyncio.gather(*posting)
    try:
        await _until(post, "45")
    finally:
        await asyncio.to_thread(come_back, servers)
    await _until(post, "25")

    for address in accepted:
        added_on_top((await gateway.arrival(address)).body, SENT)
    assert "Traceback" not in gateway.site.log


async def _until(post: Callable[[], Awaitable[str]], kind: str) -> None:
    async with asyncio.timeout(WITHIN):
        while not (await post()).startswith(kind):
            await asyncio.sleep(0.2)
