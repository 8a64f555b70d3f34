from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.bus import wire
from gateway.bus.intake import MOST_TAKES
from gateway.bus.memory import MemoryBus
from gateway.domain.errors import PermanentFailure, TemporaryFailure
from gateway.domain.journey import Ended, Ending, Entered, Moved
from gateway.domain.mail import Mail
from gateway.domain.pipeline import REPLACED, Finished, Later, Module, Onward, Outcome, Stage
from gateway.domain.statistics import Counter
from gateway.metrics.family import Distribution
from gateway.runtime import serve as serving
from gateway.runtime.clock import utc_now
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.serve import serve
from gateway.runtime.wiring import Gateway
from tests.support.mails import NOON, a_mail
from tests.support.stages import ScriptedWorker, a_gateway, next_mail, stage_running, state_becomes
from tests.support.waiting import until

MAIL = a_mail()


async def enter(gateway: Gateway, stage: Stage, *mails: Mail) -> None:
    gateway.records.note(*(Entered(mail, stage, NOON) for mail in mails))
    await gateway.bus.publish(stage, mails)


def onward(mail: Mail) -> Outcome:
    return Onward(mail)


def delivered(mail: Mail) -> Outcome:
    return Finished((Ended(mail.id, utc_now(), Ending.DELIVERED),))


async def test_the_next_stage_has_the_mail_as_the_worker_left_it(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        await enter(gateway, Stage.ANTISPAM, MAIL)
        marked = ScriptedWorker(lambda mail: Onward(replace(mail, top=b"X-Seen: yes\r\n")))
        async with stage_running(Stage.ANTISPAM, marked, gateway):
            passed = await next_mail(gateway, Stage.SCANNER)

        assert passed == replace(MAIL, top=b"X-Seen: yes\r\n")


@pytest.mark.parametrize(
    ("stage", "answer", "counter"),
    [
        (Stage.ANTISPAM, onward, Counter.ANTISPAM_ONWARD),
        (Stage.SENDER, delivered, Counter.SENDER_DELIVERED),
        (Stage.SENDER, lambda _: REPLACED, Counter.SENDER_REPLACED),
        (Stage.SENDER, lambda mail: Later(mail, timedelta(hours=1), "busy"), Counter.SENDER_LATER),
        (
            Stage.SCANNER,
            lambda mail: Finished((Ended(mail.id, NOON, Ending.BLOCKED, "infected"),)),
            Counter.SCANNER_BLOCKED,
        ),
        (Stage.SCANNER, lambda _: 1 // 0, Counter.SCANNER_PARKED),
    ],
)
async def test_what_became_of_a_mail_is_counted_once_with_the_time_it_took(
    tmp_path: Path, stage: Stage, answer: Callable[[Mail], Outcome], counter: Counter
) -> None:
    async with a_gateway(tmp_path) as gateway:
        async with stage_running(stage, ScriptedWorker(answer), gateway):
            await enter(gateway, stage, MAIL)
            await until(lambda: any(gateway.records.counted.values()))
        [times] = [
            sample
            for each in gateway.metrics.at_hand()
            if each.family.name == "mailwarden_stage_seconds"
            for sample in each.samples
            if isinstance(sample, Distribution)
        ]

        assert {name: times for name, times in gateway.records.counted.items() if times} == {counter: 1}
        assert (times.labels, sum(times.counts)) == ((stage,), 1)


async def test_what_a_step_created_goes_to_the_sender(tmp_path: Path) -> None:
    notice = a_mail("NoticeXX00001")
    async with a_gateway(tmp_path) as gateway:
        await enter(gateway, Stage.SCANNER, MAIL)
        blocking = ScriptedWorker(
            lambda mail: Finished((Ended(mail.id, NOON, Ending.BLOCKED, "infected"),), created=(notice,))
        )
        async with stage_running(Stage.SCANNER, blocking, gateway):
            sent = await next_mail(gateway, Stage.SENDER)
            await state_becomes(gateway, MAIL.id, Ending.BLOCKED)
            await state_becomes(gateway, notice.id, "QUE")

        assert sent == notice


async def test_mail_that_has_to_wait_comes_again_and_the_records_say_until_when(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        await enter(gateway, Stage.SENDER, MAIL)
        waits_once = ScriptedWorker(
            lambda mail: (
                Later(replace(mail, attempts=1), timedelta(milliseconds=20), "greylisted")
                if mail.attempts == 0
                else delivered(mail)
            )
        )
        async with stage_running(Stage.SENDER, waits_once, gateway):
            await state_becomes(gateway, MAIL.id, Ending.DELIVERED)
        kinds = [step.kind for step in await gateway.records.journey(MAIL.id)]

        assert waits_once.asked == [MAIL.id, MAIL.id]
        assert kinds == ["Entered", "Deferred", "Ended"]


async def test_a_fault_parks_the_mail_and_the_next_is_handled(tmp_path: Path) -> None:
    good, bad = a_mail("GoodMail00001"), a_mail("BadMailX00001")

    def stumbles(mail: Mail) -> Outcome:
        if mail == bad:
            raise KeyError("a fault of our own")
        return Onward(mail)

    async with a_gateway(tmp_path) as gateway:
        await enter(gateway, Stage.ANTISPAM, bad, good)
        async with stage_running(Stage.ANTISPAM, ScriptedWorker(stumbles), gateway):
            passed = await next_mail(gateway, Stage.SCANNER)
            await state_becomes(gateway, bad.id, "parked")
        async with gateway.bus.parked() as walk:
            parked = [(one.mail, one.stage, one.reason) async for one in walk]

        assert passed == good
        assert parked == [(bad, Stage.ANTISPAM, "KeyError: 'a fault of our own'")]


async def test_a_permanent_failure_that_no_worker_answered_parks(tmp_path: Path) -> None:
    def fails(mail: Mail) -> Outcome:
        raise PermanentFailure("cannot be composed")

    async with a_gateway(tmp_path) as gateway:
        await enter(gateway, Stage.SCANNER, MAIL)
        async with stage_running(Stage.SCANNER, ScriptedWorker(fails), gateway):
            await state_becomes(gateway, MAIL.id, "parked")
        record = await gateway.records.mail(MAIL.id)

        assert record
        assert "cannot be composed" in record.reason


async def test_a_temporary_failure_makes_the_mail_wait_without_counting_as_a_try(tmp_path: Path) -> None:
    def fails(mail: Mail) -> Outcome:
        raise TemporaryFailure("bodies are away")

    async with a_gateway(tmp_path) as gateway:
        await enter(gateway, Stage.SCANNER, MAIL)
        async with stage_running(Stage.SCANNER, ScriptedWorker(fails), gateway):
            async with asyncio.timeout(10):
                while len(await gateway.records.journey(MAIL.id)) < 2:
                    await asyncio.sleep(0.01)
        record = await gateway.records.mail(MAIL.id)

        assert record
        assert record.attempts == 0
        assert record.reason == "bodies are away"
        assert record.state == "WFC"
        assert record.next_try_at is not None


async def test_removed_mail_ends_where_it_is_met(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        worker = ScriptedWorker(onward)
        gateway.orders.remove((MAIL.id,))
        await enter(gateway, Stage.ANTISPAM, MAIL)
        async with stage_running(Stage.ANTISPAM, worker, gateway):
            await state_becomes(gateway, MAIL.id, Ending.REMOVED)

        assert worker.asked == []


async def test_a_copy_that_ends_alone_leaves_no_trace(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        worker = ScriptedWorker(lambda mail: delivered(mail) if mail.generation else REPLACED)
        await enter(gateway, Stage.SENDER, MAIL)
        await gateway.bus.publish(Stage.SENDER, [replace(MAIL, generation=1)])
        async with stage_running(Stage.SENDER, worker, gateway):
            await state_becomes(gateway, MAIL.id, Ending.DELIVERED)
        kinds = [step.kind for step in await gateway.records.journey(MAIL.id)]

        assert worker.asked == [MAIL.id, MAIL.id]
        assert kinds == ["Entered", "Ended"]
        assert await gateway.bus.depth() == dict.fromkeys(Stage, 0)


async def test_mail_that_waits_to_be_sent_can_be_had_from_the_records(tmp_path: Path) -> None:
    tried = replace(MAIL, attempts=1)
    async with a_gateway(tmp_path) as gateway:
        worker = ScriptedWorker(lambda _: Later(tried, timedelta(hours=1), "greylisted"))
        await enter(gateway, Stage.SENDER, MAIL)
        async with stage_running(Stage.SENDER, worker, gateway):
            async with asyncio.timeout(10):
                while not (claimed := await gateway.records.claim([MAIL.id], utc_now())):
                    await asyncio.sleep(0.01)

        assert [wire.decode(waiting.copy) for waiting in claimed] == [tried]


async def test_suspended_scanning_lets_mail_through_unchecked(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        worker = ScriptedWorker(delivered)
        gateway.lifecycle.suspend(Module.SCANNING)
        await enter(gateway, Stage.SCANNER, MAIL)
        async with stage_running(Stage.SCANNER, worker, gateway):
            passed = await next_mail(gateway, Stage.SENDER)

        assert passed == MAIL
        assert worker.asked == []


async def test_a_suspended_sender_leaves_its_mail_queued_until_it_is_resumed(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        worker = ScriptedWorker(delivered)
        gateway.lifecycle.suspend(Module.SENDER)
        await enter(gateway, Stage.SENDER, MAIL)
        async with stage_running(Stage.SENDER, worker, gateway):
            await state_becomes(gateway, MAIL.id, "QUE")
            queued = await gateway.bus.depth()
            gateway.lifecycle.resume(Module.SENDER)
            await state_becomes(gateway, MAIL.id, Ending.DELIVERED)

        assert queued[Stage.SENDER] == 1
        assert worker.asked == [MAIL.id]


async def test_a_suspended_sender_is_ready_and_sends_nothing_even_when_it_stops(tmp_path: Path) -> None:
    ready: list[str] = []

    class Signs(Heartbeat):
        def ready(self, module: str) -> None:
            ready.append(module)

    async with a_gateway(tmp_path) as gateway:
        gateway = replace(gateway, lifecycle=Lifecycle(Signs(None)))
        worker = ScriptedWorker(delivered)
        gateway.lifecycle.suspend(Module.SENDER)
        await enter(gateway, Stage.SENDER, MAIL)
        async with stage_running(Stage.SENDER, worker, gateway):
            await until(lambda: ready == [Stage.SENDER])

        assert worker.asked == []
        assert (await gateway.bus.depth())[Stage.SENDER] == 1


async def test_a_long_wait_for_a_waiting_room_is_not_shown_as_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LONG_STEP_SECONDS", 0.01)

    class SlowRooms(MemoryBus):
        async def defer(self, stage: Stage, mail: Mail, delay: timedelta) -> None:
            await asyncio.sleep(0.1)
            await super().defer(stage, mail, delay)

    async with a_gateway(tmp_path, SlowRooms()) as gateway:
        worker = ScriptedWorker(lambda mail: Later(mail, timedelta(hours=1), "greylisted"))
        await enter(gateway, Stage.SENDER, MAIL)
        async with stage_running(Stage.SENDER, worker, gateway):
            await until(lambda: bool(worker.asked))
        await gateway.records.keep(Moved("other", NOON, "QUE"))  # and all that was noted before
        record = await gateway.records.mail(MAIL.id)

        assert record
        assert record.state == "QUE"
        assert record.next_try_at


class DeafBus(MemoryBus):
    """Cannot take what a stage hands to the next, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.refusals = times
        self.refused = asyncio.Event()

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        if stage is Stage.SCANNER and self.refusals:
            self.refusals -= 1
            self.refused.set()
            raise TemporaryFailure("the broker is away")
        await super().publish(stage, mails, urgent=urgent)


@pytest.mark.parametrize("times", [1, 2 * MOST_TAKES])
async def test_mail_that_nobody_can_take_over_waits_however_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(serving, "PAUSE_SECONDS", 0.001)
    async with a_gateway(tmp_path, DeafBus(times)) as gateway:
        worker = ScriptedWorker(onward)
        await enter(gateway, Stage.ANTISPAM, MAIL)
        async with stage_running(Stage.ANTISPAM, worker, gateway):
            passed = await next_mail(gateway, Stage.SCANNER)

        assert passed == MAIL
        assert worker.asked == [MAIL.id]  # its step is not repeated


async def test_mail_that_nobody_can_take_over_comes_again_when_the_stage_stops(tmp_path: Path) -> None:
    bus = DeafBus(1_000_000)
    async with a_gateway(tmp_path, bus) as gateway:
        await enter(gateway, Stage.ANTISPAM, MAIL)
        async with stage_running(Stage.ANTISPAM, ScriptedWorker(onward), gateway):
            await bus.refused.wait()

        assert await next_mail(gateway, Stage.ANTISPAM) == MAIL


class OnceBrokenBus(MemoryBus):
    """Has a fault of our own when a stage hands its first mail to the next."""

    broken = True

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        if stage is Stage.SCANNER and self.broken:
            self.broken = False
            raise KeyError("a fault of our own")
        await super().publish(stage, mails, urgent=urgent)


async def test_a_fault_in_handing_over_makes_the_mail_come_again(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, OnceBrokenBus()) as gateway:
        await enter(gateway, Stage.ANTISPAM, MAIL)
        async with stage_running(Stage.ANTISPAM, ScriptedWorker(onward), gateway):
            passed = await next_mail(gateway, Stage.SCANNER)

        assert passed == MAIL


async def test_what_is_in_hand_ends_before_the_stage_does(tmp_path: Path) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    class SlowWorker(ScriptedWorker):
        async def handle(self, mail: Mail) -> Outcome:
            begun.set()
            await may_end.wait()
            return await super().handle(mail)

    async with a_gateway(tmp_path) as gateway:
        worker = SlowWorker(onward)
        await enter(gateway, Stage.ANTISPAM, MAIL)
        async with stage_running(Stage.ANTISPAM, worker, gateway):
            await begun.wait()
            gateway.lifecycle.stop()
            may_end.set()

        assert await next_mail(gateway, Stage.SCANNER) == MAIL


async def test_a_stage_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    async with a_gateway(tmp_path) as gateway:
        before = asyncio.all_tasks()
        serving = asyncio.create_task(serve(Stage.SCANNER, ScriptedWorker(onward), gateway))
        await enter(gateway, Stage.SCANNER, MAIL)
        await next_mail(gateway, Stage.SENDER)
        serving.cancel()
        await asyncio.wait({serving})
        await until(lambda: asyncio.all_tasks() <= before)

        # A task that ended with an exception that nobody took complains when it is thrown away.
        del serving
        gc.collect()
        assert not complaints
