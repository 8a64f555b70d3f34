"""While there is no room for the queue, clients are asked to come again; when there is, they may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.mounts import Disk, with_mount
from tests.support.passage import an_address
from tests.support.posting import added_on_top
from tests.support.samples import plain
from tests.support.standing import Standing, standing
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL = plain("small")
LARGE = plain("large", (b"0123456789" * 7 + b"\r\n") * 4000)
ROOM_WITHIN = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "queue").mkdir()
    async with standing(folder, before=with_mount(folder / "queue", "size=24m")) as running:
        yield running


@pytest.fixture
def disk(gateway: Standing) -> Disk:
    return Disk(gateway.process.pid, gateway.site.folder / "queue")


async def test_a_full_disk_refuses_mail_for_now_and_room_lets_it_in_again(
    gateway: Standing, disk: Disk
) -> None:
    await gateway.send(SMALL)

    disk.fill()
    refused = [await gateway.post(message, an_address()) for message in (SMALL, LARGE, SMALL)]
    disk.clear()

    await _takes_mail(gateway)
    assert [reply[:2] for reply in refused] == ["45"] * len(refused)
    assert "Traceback" not in gateway.site.log


async def test_mail_that_was_taken_when_the_disk_became_full_is_delivered_when_there_is_room(
    gateway: Standing, disk: Disk
) -> None:
    next_hop, addresses = gateway.next_hop, [an_address() for _ in range(60)]
    taken, begun = len(next_hop.received), next_hop.commands.count("DATA")
    next_hop.hold = asyncio.Event()
    posting = [asyncio.create_task(gateway.post(SMALL, address)) for address in addresses]
    await until(lambda: next_hop.commands.count("DATA") > begun)
    disk.fill()
    replies = await asyncio.gather(*posting)
    next_hop.hold.set()
    await next_hop.until_received(taken + 1)  # that it was delivered cannot be recorded now
    disk.clear()

    accepted = [to for to, reply in zip(addresses, replies, strict=True) if reply.startswith("250")]
    assert accepted
    assert {reply[:2] for reply in replies} <= {"25", "45"}
    for address in accepted:
        added_on_top((await gateway.arrival(address)).body, SMALL)
    await _takes_mail(gateway)
    assert "Traceback" not in gateway.site.log


async def _takes_mail(gateway: Standing) -> None:
    """Return when a message goes through."""
    address = an_address()
    async with asyncio.timeout(ROOM_WITHIN):
        while not (await gateway.post(SMALL, address)).startswith("250"):
            await asyncio.sleep(0.1)
    await gateway.arrival(address)
