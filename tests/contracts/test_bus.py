"""What every bus promises, asked of each of them, in the order of the port's sentences."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from uuid import uuid4

import aio_pika
import pytest

from gateway.bus import wire
from gateway.bus.amqp.topology import Topology
from gateway.bus.embedded import EmbeddedBus
from gateway.bus.intake import MOST_TAKES
from gateway.bus.ledger import first_key, lane_of
from gateway.bus.memory import MemoryBus
from gateway.bus.port import Bus, Delivery, ParkedMail
from gateway.bus.rabbitmq import RabbitBus
from gateway.domain.commands import Command, Reload, Remove, Resume, Suspend
from gateway.domain.errors import TemporaryFailure
from gateway.domain.explanation import Explanation
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage
from tests.support.mails import a_mail
from tests.support.rabbitmq import broker, forget

PATIENCE = 20.0
"""Seconds after which what should come is taken for lost."""

TICK = 0.005
"""Seconds that the clock of an event loop may be behind."""

GARBAGE = b"\x01no mail"


@dataclass(frozen=True)
class Adapter:
    """How to come to a bus, and to the same mail by another one: after a restart, or in another process."""

    open: Callable[[], Awaitable[Bus]]
    litter: Callable[[Stage], Awaitable[None]]  # puts GARBAGE among the ready mail of the stage


@pytest.fixture(scope="module")
def broker_url() -> Iterator[str]:
    with broker() as url:
        yield url


@pytest.fixture
def memory() -> Adapter:
    async def fresh() -> Bus:
        return MemoryBus()

    async def litter(stage: Stage) -> None:
        raise AssertionError(f"nothing but mail can come to {stage} of a bus in memory")

    return Adapter(fresh, litter)


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Adapter]:
    path = tmp_path / "bus.sqlite"
    opened: list[EmbeddedBus] = []

    async def reopen() -> Bus:
        for bus in opened:
            await bus.close()
        opened.append(await EmbeddedBus.open(path))
        return opened[-1]

    async def litter(stage: Stage) -> None:
        for bus in opened:
            await bus.close()
        with closing(sqlite3.connect(path)) as file, file:
            key = first_key(lane_of(stage, urgent=False)) + 1_000_000
            file.execute("INSERT INTO ready VALUES (?, ?)", (key, GARBAGE))

    yield Adapter(reopen, litter)
    for bus in opened:
        await bus.close()


@pytest.fixture
async def rabbitmq(broker_url: str) -> AsyncIterator[Adapter]:
    namespace = f"test-{uuid4().hex}"
    opened: list[RabbitBus] = []

    async def another() -> Bus:
        opened.append(await RabbitBus.open(broker_url, namespace=namespace, settling=0))
        return opened[-1]

    async def litter(stage: Stage) -> None:
        async with await aio_pika.connect(broker_url) as connection, connection.channel() as channel:
            queue = Topology(namespace).ready(stage)
            await channel.default_exchange.publish(aio_pika.Message(GARBAGE), routing_key=queue)

    yield Adapter(another, litter)
    for bus in opened:
        await bus.close()
    await forget(broker_url, namespace)


@pytest.fixture(params=["memory", "embedded", "rabbitmq"])
def adapter(request: pytest.FixtureRequest) -> Adapter:
    chosen: Adapter = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(params=["embedded", "rabbitmq"])
def lasting(request: pytest.FixtureRequest) -> Adapter:
    """The adapters that keep mail beyond their own end."""
    chosen: Adapter = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
async def bus(adapter: Adapter) -> AsyncIterator[Bus]:
    opened = await adapter.open()
    yield opened
    await opened.close()


async def test_a_mail_arrives_as_it_was_published(bus: Bus) -> None:
    mail = a_mail("AbCdEfGh00001", "a@site.example", top=b"X-A: \xff\r\n", attempts=3)
    await bus.publish(Stage.SCANNER, [mail])

    assert await take(bus, Stage.SCANNER, 1) == [mail]


async def test_all_mails_of_one_call_arrive_the_oldest_first(bus: Bus) -> None:
    await bus.publish(Stage.ANTISPAM, [])
    await bus.publish(Stage.ANTISPAM, mails("a", 50))
    await bus.publish(Stage.ANTISPAM, mails("b", 3))

    assert await take(bus, Stage.ANTISPAM, 53) == mails("a", 50) + mails("b", 3)


async def test_many_calls_at_once_are_all_met(bus: Bus) -> None:
    await asyncio.gather(*(bus.publish(Stage.ANTISPAM, [mail]) for mail in mails("a", 300)))

    assert ids(await take(bus, Stage.ANTISPAM, 300)) == ids(mails("a", 300))


async def test_large_mail_among_small_arrives_as_it_was_published(bus: Bus) -> None:
    frame = 1 << 17  # bytes, the most that RabbitMQ takes in one piece
    published = [a_mail(f"m{size}", top=b"x" * size) for size in (0, frame, 3 * frame, 1)]

    await asyncio.gather(*(bus.publish(Stage.ANTISPAM, [mail]) for mail in published))

    assert await take(bus, Stage.ANTISPAM, len(published)) == published


async def test_each_stage_gets_its_own_mail(bus: Bus) -> None:
    for stage in Stage:
        await bus.publish(stage, [a_mail(stage)])

    for stage in Stage:
        assert await take(bus, stage, 1) == [a_mail(stage)]
    assert await bus.depth() == dict.fromkeys(Stage, 0)


async def test_urgent_mail_is_taken_before_all_other(bus: Bus) -> None:
    await bus.publish(Stage.SENDER, mails("a", 5))
    await bus.publish(Stage.SENDER, mails("u", 2), urgent=True)

    assert await take(bus, Stage.SENDER, 7, prefetch=3) == mails("u", 2) + mails("a", 5)


async def test_one_who_waits_gets_what_is_published_then(bus: Bus) -> None:
    async with asyncio.timeout(PATIENCE), bus.consume(Stage.SENDER, 5) as deliveries:
        waiting = asyncio.ensure_future(anext(deliveries))
        await elsewhere(bus)
        assert not waiting.done()
        await bus.publish(Stage.SENDER, [a_mail()])

        assert (await waiting).mail == a_mail()


async def test_no_more_than_the_prefetch_is_taken_at_once(bus: Bus) -> None:
    await bus.publish(Stage.SENDER, mails("a", 3))

    async with asyncio.timeout(PATIENCE), bus.consume(Stage.SENDER, 2) as deliveries:
        first, _ = await anext(deliveries), await anext(deliveries)
        third = asyncio.ensure_future(anext(deliveries))
        await elsewhere(bus)
        assert not third.done()
        await first.done()

        assert (await third).mail.id == "a2"


async def test_a_mail_given_back_is_taken_again_as_it_was(bus: Bus) -> None:
    await bus.publish(Stage.SENDER, mails("a", 1))

    async with asyncio.timeout(PATIENCE), bus.consume(Stage.SENDER, 5) as deliveries:
        await (await anext(deliveries)).again()

        assert (await anext(deliveries)).mail == mails("a", 1)[0]


async def test_a_mail_is_held_until_it_is_ended(bus: Bus) -> None:
    await bus.publish(Stage.SENDER, mails("a", 2))

    async with asyncio.timeout(PATIENCE), bus.consume(Stage.SENDER, 2) as deliveries:
        first, second = await anext(deliveries), await anext(deliveries)
        assert first.held
        assert second.held
        await first.done()
        await second.again()

        assert not first.held
        assert not second.held


async def test_leaving_gives_back_what_nobody_got(bus: Bus) -> None:
    await bus.publish(Stage.SENDER, mails("a", 10))
    async with bus.consume(Stage.SENDER, 10) as deliveries:
        got = await anext(deliveries)

    assert ids(await take(bus, Stage.SENDER, 9)) == ids(mails("a", 10)) - {got.mail.id}


async def test_leaving_tells_who_still_waits(bus: Bus) -> None:
    async with bus.consume(Stage.SENDER, 10) as deliveries:
        waiting = asyncio.ensure_future(anext(deliveries))
        await elsewhere(bus)

    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_what_was_got_can_be_ended_after_leaving(lasting: Adapter) -> None:
    bus = await lasting.open()
    await bus.publish(Stage.SENDER, mails("a", 2))
    async with asyncio.timeout(PATIENCE), bus.consume(Stage.SENDER, 1) as deliveries:
        got = await anext(deliveries)
    await got.done()
    await bus.close()

    assert ids(await take(await lasting.open(), Stage.SENDER, 1)) == {"a1"}


async def test_mail_that_was_done_does_not_come_again(lasting: Adapter) -> None:
    bus = await lasting.open()
    await bus.publish(Stage.SENDER, mails("a", 5))
    await take(bus, Stage.SENDER, 5)
    await bus.close()

    assert (await (await lasting.open()).depth())[Stage.SENDER] == 0


async def test_ending_twice_is_as_ending_once(bus: Bus) -> None:
    await bus.publish(Stage.SENDER, mails("a", 3))

    async with asyncio.timeout(PATIENCE), bus.consume(Stage.SENDER, 1) as deliveries:
        first = await anext(deliveries)
        await first.done()
        await first.again()
        await first.done()

        assert await ended(deliveries, 2) == mails("a", 3)[1:]


async def test_mail_of_a_taker_that_died_comes_again(lasting: Adapter) -> None:
    bus = await lasting.open()
    await bus.publish(Stage.SENDER, mails("a", 3))
    async with asyncio.timeout(PATIENCE), bus.consume(Stage.SENDER, 2) as deliveries:
        await anext(deliveries)
        await bus.close()

    assert ids(await take(await lasting.open(), Stage.SENDER, 3)) == {"a0", "a1", "a2"}


async def test_mail_taken_too_often_without_an_end_is_parked(bus: Bus) -> None:
    await bus.publish(Stage.SCANNER, mails("bad", 1))
    takes = 0

    async def give_back(deliveries: AsyncIterator[Delivery]) -> None:
        nonlocal takes
        async for delivery in deliveries:
            takes += 1
            await delivery.again()

    async with asyncio.TaskGroup() as tasks, bus.consume(Stage.SCANNER, 5) as deliveries:
        tasks.create_task(give_back(deliveries))
        (parked,) = await until_parked(bus, 1)

    assert MOST_TAKES <= takes <= MOST_TAKES + 1
    assert parked.mail == mails("bad", 1)[0]
    assert parked.stage is Stage.SCANNER
    assert "without an end" in parked.reason


async def test_what_cannot_be_decoded_is_parked_and_holds_up_nothing(lasting: Adapter) -> None:
    bus = await lasting.open()
    await bus.publish(Stage.SCANNER, mails("a", 1))
    await lasting.litter(Stage.SCANNER)
    bus = await lasting.open()
    await take(bus, Stage.SCANNER, 1)
    await bus.publish(Stage.SCANNER, mails("b", 1))
    await take(bus, Stage.SCANNER, 1)

    (parked,) = await until_parked(bus, 1)

    assert (parked.raw, parked.mail, parked.stage) == (GARBAGE, None, Stage.SCANNER)
    assert "cannot be decoded" in parked.reason


async def test_deferred_mail_waits_for_its_delay_and_holds_up_nothing(bus: Bus) -> None:
    begun = monotonic()
    await bus.defer(Stage.SENDER, a_mail("long"), timedelta(seconds=2.5))
    await bus.defer(Stage.SENDER, a_mail("short"), timedelta(seconds=0.4))
    await bus.publish(Stage.SENDER, [a_mail("ready")])

    assert [mail.id for mail in await take(bus, Stage.SENDER, 2)] == ["ready", "short"]
    assert monotonic() - begun > 0.4 - TICK
    assert ids(await take(bus, Stage.SENDER, 1)) == {"long"}
    assert monotonic() - begun > 2.5 - TICK


async def test_deferred_mail_outlasts_the_bus(lasting: Adapter) -> None:
    bus = await lasting.open()
    await bus.defer(Stage.SENDER, a_mail(), timedelta(seconds=1))
    await bus.close()

    assert await take(await lasting.open(), Stage.SENDER, 1) == [a_mail()]


async def test_parked_mail_is_kept_with_its_stage_and_the_reason(lasting: Adapter) -> None:
    bus = await lasting.open()
    await bus.park(Stage.SCANNER, a_mail(), "a fault: \udcff" + "x" * 100_000)
    await bus.close()

    (parked,) = await all_parked(await lasting.open())

    assert (parked.mail, parked.raw) == (a_mail(), wire.encode(a_mail()))
    assert parked.stage is Stage.SCANNER
    assert parked.reason.startswith("a fault: ?x")


async def test_parked_mail_stays_until_it_is_retried_or_dropped(bus: Bus) -> None:
    for mail in mails("a", 3):
        await bus.park(Stage.SCANNER, mail, "why")
    async with bus.parked() as walk:
        async for parked in walk:
            if parked.mail == mails("a", 3)[0]:
                await parked.retry()
            if parked.mail == mails("a", 3)[1]:
                await parked.drop()

    (left,) = await all_parked(bus)

    assert left.mail == mails("a", 3)[2]
    assert await take(bus, Stage.SCANNER, 1) == mails("a", 1)


async def test_a_walk_sees_all_parked_mail_once(bus: Bus) -> None:
    await asyncio.gather(*(bus.park(Stage.SCANNER, mail, "why") for mail in mails("a", 250)))

    first, second = await all_parked(bus), await all_parked(bus)

    assert len(first) == len(second) == 250
    assert {one.mail for one in first} == {one.mail for one in second} == set(mails("a", 250))


async def test_depth_counts_what_is_ready_alone(bus: Bus) -> None:
    await bus.publish(Stage.SCANNER, mails("a", 4))
    await bus.publish(Stage.SCANNER, mails("u", 1), urgent=True)
    await bus.defer(Stage.SCANNER, a_mail("waits"), timedelta(minutes=5))
    await bus.park(Stage.SCANNER, a_mail("parked"), "why")
    assert await bus.depth() == {Stage.ANTISPAM: 0, Stage.SCANNER: 5, Stage.SENDER: 0}

    async with asyncio.timeout(PATIENCE), bus.consume(Stage.SCANNER, 1) as deliveries:
        await anext(deliveries)

        assert (await bus.depth())[Stage.SCANNER] in (3, 4)  # a broker may hand one of each urgency over


async def test_every_listener_hears_every_command_in_order(bus: Bus) -> None:
    told: list[Command] = [Suspend("sender"), Remove(("a", "b")), Resume("sender"), Reload()]

    async with asyncio.timeout(PATIENCE), bus.commands() as one, bus.commands() as other:
        assert (await anext(one), await anext(other)) == (None, None)
        for command in told:
            await bus.tell(command)

        assert [await anext(one) for _ in told] == told
        assert [await anext(other) for _ in told] == told


async def test_nobody_needs_to_listen(bus: Bus) -> None:
    await bus.tell(Reload())


async def test_a_bus_can_be_closed_while_all_of_it_is_in_use(bus: Bus) -> None:
    await bus.publish(Stage.SENDER, mails("a", 3))
    async with bus.consume(Stage.SENDER, 2) as deliveries, bus.commands() as commands:
        got = await anext(deliveries)
        await anext(commands)
        await bus.close()
        await got.done()


def mails(prefix: str, count: int) -> list[Mail]:
    return [a_mail(f"{prefix}{number}") for number in range(count)]


def ids(taken: list[Mail]) -> set[str]:
    return {mail.id for mail in taken}


async def take(bus: Bus, stage: Stage, count: int, prefetch: int = 1000) -> list[Mail]:
    async with asyncio.timeout(PATIENCE), bus.consume(stage, prefetch) as deliveries:
        return await ended(deliveries, count)


async def ended(deliveries: AsyncIterator[Delivery], count: int) -> list[Mail]:
    taken = []
    for _ in range(count):
        delivery = await anext(deliveries)
        taken.append(delivery.mail)
        await delivery.done()
    return taken


async def elsewhere(bus: Bus) -> None:
    """Whatever was to happen at once has happened when another mail has gone all its way."""
    await bus.publish(Stage.ANTISPAM, [a_mail("elsewhere")])
    await take(bus, Stage.ANTISPAM, 1)


async def all_parked(bus: Bus) -> list[ParkedMail]:
    async with asyncio.timeout(PATIENCE), bus.parked() as walk:
        return [parked async for parked in walk]


async def until_parked(bus: Bus, count: int) -> list[ParkedMail]:
    async with asyncio.timeout(PATIENCE):
        while len(parked := await all_parked(bus)) < count:
            await asyncio.sleep(0.05)
        return parked


async def test_a_question_is_answered_by_a_process_of_the_stage(bus: Bus) -> None:
    async def answer(mail: Mail) -> Explanation:
        return Explanation(mail=mail, blocked_for="as/spam")

    async with bus.answering(Stage.ANTISPAM, answer):
        explanation = await answered(bus, Stage.ANTISPAM)

    assert explanation == Explanation(mail=a_mail(), blocked_for="as/spam")


async def test_a_question_that_cannot_be_answered_says_why(bus: Bus) -> None:
    async def answer(mail: Mail) -> Explanation:
        raise TemporaryFailure("the database is away")

    async with bus.answering(Stage.SCANNER, answer):
        with pytest.raises(TemporaryFailure, match="the database is away"):
            await answered(bus, Stage.SCANNER)


async def test_a_question_to_nobody_is_answered_at_once(bus: Bus) -> None:
    with pytest.raises(TemporaryFailure, match="no sender is there"):
        await bus.ask(Stage.SENDER, a_mail(), PATIENCE)


async def test_nobody_waits_for_ever_for_an_answer(bus: Bus) -> None:
    asked = asyncio.Event()

    async def answer(mail: Mail) -> Explanation:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("it never comes to this")

    async with bus.answering(Stage.SCANNER, answer):
        await there(bus, Stage.SCANNER)
        with pytest.raises(TemporaryFailure, match="did not answer within"):
            await bus.ask(Stage.SCANNER, a_mail(), 1)

    assert asked.is_set()


async def test_who_takes_mail_of_a_stage_is_counted(bus: Bus) -> None:
    async with bus.consume(Stage.SCANNER, 1), asyncio.timeout(PATIENCE):
        while (await bus.takers())[Stage.SCANNER] != 1:
            await asyncio.sleep(0.01)

    assert (await bus.takers())[Stage.ANTISPAM] == 0


async def answered(bus: Bus, stage: Stage) -> Explanation:
    """What the stage says, as soon as it is there to answer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await bus.ask(stage, a_mail(), PATIENCE)
            except TemporaryFailure as trouble:
                if "is there to answer" not in str(trouble):
                    raise
                await asyncio.sleep(0.01)


async def there(bus: Bus, stage: Stage) -> None:
    """Return when somebody answers questions to the stage."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await bus.ask(stage, a_mail(), 0.05)
            except TemporaryFailure as trouble:
                if "is there to answer" not in str(trouble):
                    return
            await asyncio.sleep(0.01)
