"""What the RabbitMQ bus promises when its broker dies, freezes, lacks memory, or loses a queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import aio_pika
import pytest

from gateway.bus.amqp.topology import Topology
from gateway.bus.rabbitmq import RabbitBus
from gateway.domain.commands import Reload
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage
from tests.support.mails import a_mail
from tests.support.ports import free_port
from tests.support.rabbitmq import PrivateBroker

PATIENCE = 60.0

pytestmark = pytest.mark.xdist_group("private broker")


@pytest.fixture(scope="module")
def broker() -> Iterator[PrivateBroker]:
    with PrivateBroker() as private:
        yield private


@pytest.fixture
def namespace() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
async def bus(broker: PrivateBroker, namespace: str) -> AsyncIterator[RabbitBus]:
    opened = await RabbitBus.open(broker.url, namespace=namespace, publish_timeout=1.0, settling=0)
    yield opened
    await opened.close()


@pytest.fixture
async def settled_bus(broker: PrivateBroker, namespace: str) -> AsyncIterator[RabbitBus]:
    """A bus whose broker is killed must not use queues that the broker would forget."""
    opened = await RabbitBus.open(broker.url, namespace=namespace, publish_timeout=1.0)
    yield opened
    await opened.close()


async def test_nothing_confirmed_is_lost_when_the_broker_is_killed(
    broker: PrivateBroker, settled_bus: RabbitBus
) -> None:
    confirmed: list[str] = []
    arrived: set[str] = set()
    enough = asyncio.Event()
    refused = asyncio.Event()
    numbers = iter(range(10_000_000))

    async def publish_on() -> None:
        while True:
            mail = a_mail(f"m{next(numbers)}")
            try:
                await settled_bus.publish(Stage.ANTISPAM, [mail])
            except TemporaryFailure:
                refused.set()
                continue
            confirmed.append(mail.id)
            if len(confirmed) >= 500:
                enough.set()

    async def take_on() -> None:
        async with settled_bus.consume(Stage.ANTISPAM, 20) as deliveries:
            async for delivery in deliveries:
                arrived.add(delivery.mail.id)
                await delivery.done()

    async with asyncio.timeout(PATIENCE), settled_bus.commands() as commands:
        assert await anext(commands) is None
        taking = asyncio.create_task(take_on())
        publishing = [asyncio.create_task(publish_on()) for _ in range(10)]
        await enough.wait()
        await asyncio.to_thread(broker.kill)
        await refused.wait()
        await asyncio.to_thread(broker.start)
        assert await anext(commands) is None  # some commands may have been missed

        enough.clear()
        sofar = len(confirmed)
        while len(confirmed) < sofar + 500:
            await asyncio.sleep(0.05)
        await ended(*publishing)
        while not set(confirmed) <= arrived:
            await asyncio.sleep(0.05)
        await ended(taking)


async def test_mail_is_not_held_any_more_when_the_broker_was_killed(
    broker: PrivateBroker, settled_bus: RabbitBus
) -> None:
    await settled_bus.publish(Stage.SENDER, [a_mail()])

    async with asyncio.timeout(PATIENCE), settled_bus.consume(Stage.SENDER, 1) as deliveries:
        first = await anext(deliveries)
        held_before = first.held
        await asyncio.to_thread(broker.kill)
        while first.held:
            await asyncio.sleep(0.05)
        await first.again()
        await asyncio.to_thread(broker.start)
        second = await anext(deliveries)
        await second.done()

    assert held_before
    assert second.mail == first.mail


async def test_a_broker_that_is_away_is_a_temporary_failure_soon(
    broker: PrivateBroker, settled_bus: RabbitBus
) -> None:
    await settled_bus.defer(Stage.SENDER, a_mail("kept"), timedelta(seconds=1))
    await asyncio.to_thread(broker.kill)
    async with asyncio.timeout(PATIENCE):
        for attempt in (
            settled_bus.publish(Stage.SENDER, [a_mail()]),
            settled_bus.defer(Stage.SENDER, a_mail(), timedelta(seconds=7)),
            settled_bus.park(Stage.SENDER, a_mail(), "why"),
            settled_bus.tell(Reload()),
            settled_bus.depth(),
        ):
            with pytest.raises(TemporaryFailure):
                await attempt

    await asyncio.to_thread(broker.start)
    assert await take(settled_bus, Stage.SENDER, 1) == [a_mail("kept")]


async def test_a_broker_that_lacks_memory_is_a_temporary_failure_and_mail_taken_is_still_ended(
    broker: PrivateBroker, bus: RabbitBus
) -> None:
    await bus.publish(Stage.SENDER, [a_mail(f"m{number}") for number in range(20)])
    await asyncio.to_thread(broker.control, "set_vm_memory_high_watermark", "0.00001")
    try:
        async with asyncio.timeout(PATIENCE):
            for _ in range(2):
                with pytest.raises(TemporaryFailure, match="want of memory"):
                    await bus.publish(Stage.ANTISPAM, [a_mail()])

        # Only what is acknowledged makes room for the next.
        assert len(await take(bus, Stage.SENDER, 20, prefetch=2)) == 20
    finally:
        await asyncio.to_thread(broker.control, "set_vm_memory_high_watermark", "0.4")

    async with asyncio.timeout(PATIENCE):
        await published_at_last(bus, a_mail("after"))


async def test_a_broker_that_hangs_is_a_temporary_failure_and_is_used_again_when_it_goes_on(
    broker: PrivateBroker, bus: RabbitBus
) -> None:
    await bus.publish(Stage.SENDER, [a_mail("before")])
    broker.freeze()
    try:
        async with asyncio.timeout(PATIENCE):
            for _ in range(2):
                with pytest.raises(TemporaryFailure):
                    await bus.publish(Stage.SENDER, [a_mail("during")])
    finally:
        broker.thaw()

    async with asyncio.timeout(PATIENCE):
        await published_at_last(bus, a_mail("after"))
        async with bus.consume(Stage.SENDER, 10) as deliveries:
            while (await anext(deliveries)).mail.id != "after":
                pass


async def test_a_queue_that_was_deleted_is_made_anew(
    broker: PrivateBroker, settled_bus: RabbitBus, namespace: str
) -> None:
    await settled_bus.defer(Stage.SENDER, a_mail(), timedelta(seconds=1))
    await take(settled_bus, Stage.SENDER, 1)
    topology = Topology(namespace)
    async with asyncio.timeout(PATIENCE), settled_bus.consume(Stage.SENDER, 5) as deliveries:
        waiting = asyncio.ensure_future(anext(deliveries))
        await settled_bus.depth()
        await delete(broker, topology.ready(Stage.SENDER), topology.room(Stage.SENDER, 1))

        with pytest.raises(TemporaryFailure):
            await settled_bus.defer(Stage.SENDER, a_mail("refused"), timedelta(seconds=1))
        await settled_bus.defer(Stage.SENDER, a_mail("again"), timedelta(seconds=1))

        assert (await waiting).mail.id == "again"


async def test_several_processes_share_the_mail_of_a_stage(
    broker: PrivateBroker, bus: RabbitBus, namespace: str
) -> None:
    other = await RabbitBus.open(broker.url, namespace=namespace)
    async with (
        asyncio.timeout(PATIENCE),
        bus.consume(Stage.SENDER, 1) as here,
        other.consume(Stage.SENDER, 1) as there,
    ):
        await bus.publish(Stage.SENDER, [a_mail("a"), a_mail("b")])

        assert {(await anext(here)).mail.id, (await anext(there)).mail.id} == {"a", "b"}
    await other.close()


async def test_a_command_reaches_all_processes(broker: PrivateBroker, bus: RabbitBus, namespace: str) -> None:
    other = await RabbitBus.open(broker.url, namespace=namespace)
    async with asyncio.timeout(PATIENCE), bus.commands() as here, other.commands() as there:
        assert (await anext(here), await anext(there)) == (None, None)
        await bus.tell(Reload())

        assert (await anext(here), await anext(there)) == (Reload(), Reload())
    await other.close()


@pytest.mark.parametrize(
    "url",
    [
        "amqp://guest:s3cret@127.0.0.1:{free}/",
        "amqp://guest:s3cret@127.0.0.1:{broker}/",
        "amqp://none.invalid/",
    ],
    ids=["nobody there", "wrong password", "no such host"],
)
async def test_a_broker_that_cannot_be_used_at_start_is_named_without_the_password(
    broker: PrivateBroker, url: str
) -> None:
    broker_port = broker.url.rpartition(":")[2].strip("/")
    with pytest.raises(ConfigError) as refused:
        await RabbitBus.open(url.format(free=free_port(), broker=broker_port))

    assert "amqp://" in str(refused.value)
    assert "[gateway.bus] Url" in str(refused.value)
    assert "s3cret" not in str(refused.value)


async def test_queues_that_were_made_otherwise_are_named(broker: PrivateBroker, namespace: str) -> None:
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        await channel.declare_queue(Topology(namespace).ready(Stage.SENDER), durable=True)

    with pytest.raises(ConfigError, match=namespace):
        await RabbitBus.open(broker.url, namespace=namespace)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "amqp:", "amqp://host:port/"])
async def test_what_is_no_address_of_a_broker_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="no address"):
        await RabbitBus.open(url)


async def take(bus: RabbitBus, stage: Stage, count: int, prefetch: int = 10) -> list[Mail]:
    taken: list[Mail] = []
    async with asyncio.timeout(PATIENCE), bus.consume(stage, prefetch) as deliveries:
        while len(taken) < count:
            delivery = await anext(deliveries)
            taken.append(delivery.mail)
            await delivery.done()
    return taken


async def published_at_last(bus: RabbitBus, mail: Mail) -> None:
    while True:
        with suppress(TemporaryFailure):
            return await bus.publish(Stage.SENDER, [mail])


async def delete(broker: PrivateBroker, *queues: str) -> None:
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        for queue in queues:
            await channel.queue_delete(queue)


async def ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
