"""What becomes of mail while an operator has suspended a module (manual, chapter 6.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from gateway.domain.journey import Ending
from gateway.domain.pipeline import Module, QueueState
from tests.support.embedded import Embedded, embedded
from tests.support.passage import an_address
from tests.support.posting import added_on_top
from tests.support.samples import plain, virus_test_file, with_attachment
from tests.support.smtp_client import connected
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD = with_attachment("spam is bad do not send it", virus_test_file())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    settings = {"smtpgw.policy BlockMessage": "infected"}
    async with embedded(tmp_path_factory.mktemp("site"), settings=settings) as running:
        yield running


async def test_while_scanning_is_suspended_mail_passes_unchecked(gateway: Embedded) -> None:
    async with gateway.suspended(Module.SCANNING):
        received = await gateway.send(BAD)

    assert set(added_on_top(received.body, BAD)) == {b"Received"}


async def test_when_scanning_goes_on_mail_is_checked_again(gateway: Embedded) -> None:
    async with gateway.suspended(Module.SCANNING):
        await gateway.send(BAD)
    to = an_address()
    await gateway.post(BAD, to)

    assert (await gateway.ended(to)).state == Ending.BLOCKED


async def test_while_the_sender_is_suspended_mail_is_taken_and_checked_and_waits(gateway: Embedded) -> None:
    good, bad = an_address(), an_address()
    async with gateway.suspended(Module.SENDER):
        assert (await gateway.post(plain("Lunch on Friday?"), good))[:3] == "250"
        assert (await gateway.post(BAD, bad))[:3] == "250"
        await until(lambda: [kept.state for kept in gateway.kept(good)] == [QueueState.QUE])
        assert (await gateway.ended(bad)).state == Ending.BLOCKED
        assert not gateway.arrived(good)

    added_on_top((await gateway.arrival(good)).body, plain("Lunch on Friday?"))


async def test_while_the_receiver_is_suspended_clients_are_sent_away_for_now(gateway: Embedded) -> None:
    async with gateway.suspended(Module.RECEIVER), connected(gateway.site.smtp_port) as client:
        greeting = await client.reply()
    received = await gateway.send(plain("Lunch on Friday?"))

    assert greeting[:3] == "421"
    added_on_top(received.body, plain("Lunch on Friday?"))


async def test_while_the_receiver_is_suspended_mail_in_the_queue_goes_on(gateway: Embedded) -> None:
    to = an_address()
    async with AsyncExitStack() as without_receiver:
        async with gateway.suspended(Module.SENDER):
            await gateway.post(plain("Lunch on Friday?"), to)
            await without_receiver.enter_async_context(gateway.suspended(Module.RECEIVER))

        assert (await gateway.ended(to)).state == Ending.DELIVERED


async def test_what_was_suspended_stays_so_when_the_gateway_starts_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("again")
    async with embedded(folder) as first:
        await first.gateway.records.suspend(Module.SCANNING, suspended=True)
    async with embedded(folder) as second:
        received = await second.send(BAD)

        assert set(added_on_top(received.body, BAD)) == {b"Received"}
