"""The one loop that every stage runs: take a mail, ask the worker, do what the worker said.

A stage lets go of a mail only when somebody else has it. So a crash at any point repeats a step and
loses none, and a worker must be harmless when it handles the same mail twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from gateway.bus import wire
from gateway.bus.port import Delivery
from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Deferred, Ended, Entered, Moved, Parked
from gateway.domain.mail import Mail
from gateway.domain.pipeline import (
    MODULE_OF,
    WAITING,
    WORKING,
    Finished,
    Later,
    Module,
    Onward,
    Outcome,
    Stage,
    following,
    taken_out,
)
from gateway.domain.statistics import Timing, step_of
from gateway.metrics.catalogue import IN_HAND
from gateway.runtime import maillog
from gateway.runtime.clock import utc_now
from gateway.runtime.lifecycle import DRAIN_SECONDS
from gateway.runtime.tracing import begin_step, carried_on
from gateway.runtime.wiring import Gateway

log = logging.getLogger(__name__)

OWN_TROUBLE_DELAY = timedelta(seconds=30)
"""When something of ours is away, the mail waits this long; it is no try of the sender's."""

LONG_STEP_SECONDS = 1.0
"""Only steps that last longer are shown as being at work: states may lag the bus by about a second."""

PAUSE_SECONDS = 1.0
"""Before a mail that nobody could take over is offered again, so that trouble does not spin."""


_PARKED = "parked"


class Worker(Protocol):
    """The thinking of a stage. It publishes, acknowledges and parks nothing itself."""

    async def handle(self, mail: Mail) -> Outcome:
        """Say what should become of `mail`.

        `TemporaryFailure` makes it wait; anything else that is raised parks it.
        """


async def serve(
    stage: Stage, worker: Worker, gateway: Gateway, *, now: Callable[[], datetime] = utc_now
) -> None:
    """Run a stage until the process stops."""
    await gateway.lifecycle.beat_while(stage, _StageLoop(stage, worker, gateway, now).run())


class _StageLoop:
    def __init__(self, stage: Stage, worker: Worker, gateway: Gateway, now: Callable[[], datetime]) -> None:
        self._stage = stage
        self._worker = worker
        self._gateway = gateway
        self._now = now
        self._steps: set[asyncio.Task[None]] = set()
        self._shown: set[str] = set()  # mails whose records say that they are being worked on
        self._timing = Timing(stage)
        gateway.metrics.watch(IN_HAND, lambda: len(self._steps), stage)

    async def run(self) -> None:
        lifecycle = self._gateway.lifecycle
        try:
            while not lifecycle.stopping.is_set():
                if self._stage is Stage.SENDER and lifecycle.is_suspended(Module.SENDER):
                    lifecycle.ready(self._stage)  # it does what it should: nobody needs to restart it
                    await lifecycle.until_active(Module.SENDER)
                else:
                    await self._take_mail()
        finally:
            await self._drain()

    async def _take_mail(self) -> None:
        prefetch = self._gateway.settings.bus.prefetch
        async with self._gateway.bus.consume(self._stage, prefetch) as deliveries:
            self._gateway.lifecycle.ready(self._stage)
            taking = asyncio.create_task(self._take_all(deliveries))
            ending = asyncio.create_task(self._until_no_more())
            try:
                await asyncio.wait((taking, ending), return_when=asyncio.FIRST_COMPLETED)
                if taking.done():
                    taking.result()
            finally:
                # Also when the stage itself is cancelled: nobody else would end these tasks.
                taking.cancel()
                ending.cancel()
                await asyncio.gather(taking, ending, return_exceptions=True)

    async def _take_all(self, deliveries: AsyncIterator[Delivery]) -> None:
        async for delivery in deliveries:
            step = asyncio.create_task(self._step(delivery))
            self._steps.add(step)
            step.add_done_callback(self._steps.discard)

    async def _until_no_more(self) -> None:
        """Return when mail shall stay on the bus: suspended scanning lets it pass instead (`_decide`)."""
        if self._stage is Stage.SENDER:
            await self._gateway.lifecycle.until_inactive(Module.SENDER)
        else:
            await self._gateway.lifecycle.stopping.wait()

    async def _drain(self) -> None:
        """What is in hand may end; what does not in time comes again after the next start."""
        if not self._steps:
            return
        _, unfinished = await asyncio.wait(self._steps, timeout=DRAIN_SECONDS)
        for step in unfinished:
            step.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _step(self, delivery: Delivery) -> None:
        mail, began = delivery.mail, time.perf_counter()
        span, result, fault = begin_step(self._gateway.tracer, self._stage, mail), "again", ""
        try:
            decision = await self._decide_shown(mail)
            if span:
                decision = carried_on(decision, span.trace)
            concluded = await self._conclude_patiently(delivery, decision)
            if concluded:
                result = _result_of(decision)
                fault = decision.reason if isinstance(decision, Parked) else ""
                self._count(result)
        except Exception:
            # A fault of ours in handing over: it is tried again, and who takes it too often finds it parked.
            log.exception("%s: the mail cannot be handed over", self._stage, extra={"mail_id": mail.id})
            await self._gateway.lifecycle.pause(PAUSE_SECONDS)
            concluded = False
        finally:
            self._shown.discard(mail.id)
            self._gateway.metrics.took(self._timing, time.perf_counter() - began)
            if span:
                span.end(result, fault=fault)
        with suppress(TemporaryFailure):  # then the bus brings it back by itself
            await (delivery.done() if concluded else delivery.again())

    async def _conclude_patiently(self, delivery: Delivery, decision: Outcome | Parked) -> bool:
        """Conclude, however long somebody else is away; False when the mail has to come again after all.

        It is not given back each time: mail that comes back too often is taken for harmful, and parked.
        """
        mail, lifecycle, in_trouble = delivery.mail, self._gateway.lifecycle, False
        copy = self._copy_that_waits(decision)
        while delivery.held:
            try:
                await self._conclude(mail, decision, copy)
            except TemporaryFailure as trouble:
                if not in_trouble:
                    log.warning(
                        "%s: nobody can take the mail over now, it waits: %s",
                        self._stage,
                        trouble,
                        extra={"mail_id": mail.id},
                    )
                in_trouble = True
            else:
                return True
            await lifecycle.pause(PAUSE_SECONDS)
            if lifecycle.stopping.is_set():
                return False
        return False

    def _count(self, result: str) -> None:
        """Count what became of a mail. That it is parked was counted when it was told."""
        if result != _PARKED:
            self._gateway.records.count(step_of(self._stage, result))

    def _show_working(self, mail: Mail) -> None:
        self._shown.add(mail.id)
        self._gateway.records.note(Moved(mail.id, self._now(), WORKING[self._stage]))

    async def _decide_shown(self, mail: Mail) -> Outcome | Parked:
        """What should become of the mail, which is shown as being worked on when that takes long.

        Not beyond that: a waiting room that takes its time is no work, and the mail waits by then.
        """
        timer = asyncio.get_running_loop().call_later(LONG_STEP_SECONDS, self._show_working, mail)
        try:
            return await self._decide(mail)
        finally:
            timer.cancel()

    async def _decide(self, mail: Mail) -> Outcome | Parked:
        """What should become of the mail."""
        if self._gateway.orders.is_removed(mail):
            return taken_out(mail, self._now())
        module = MODULE_OF[self._stage]
        if module is Module.SCANNING and self._gateway.lifecycle.is_suspended(module):
            return Onward(mail)
        try:
            return await self._worker.handle(mail)
        except TemporaryFailure as trouble:
            return Later(mail, OWN_TROUBLE_DELAY, str(trouble))
        except Exception as fault:
            maillog.parked(self._gateway.records.count, mail, self._stage, fault)
            return Parked(mail.id, self._now(), self._stage, f"{type(fault).__name__}: {fault}")

    def _copy_that_waits(self, decision: Outcome | Parked) -> bytes:
        """Of mail that waits to be sent: what to publish when an operator wants it to be sent early."""
        if isinstance(decision, Later) and self._stage is Stage.SENDER:
            return wire.encode(decision.mail)
        return b""

    async def _conclude(self, mail: Mail, decision: Outcome | Parked, copy: bytes) -> None:
        """See to it that somebody else has the mail. Raises `TemporaryFailure` when nobody can."""
        bus, records = self._gateway.bus, self._gateway.records
        match decision:
            case Parked():
                await bus.park(self._stage, mail, decision.reason)
                records.note(decision)
            case Onward():
                await self._send(decision.created)
                records.note(*decision.events, *self._moved_on(mail))
                await bus.publish(following(self._stage), [decision.mail])
            case Later():
                await self._send(decision.created)
                await records.keep(*decision.events, self._deferred(decision, copy))
                await bus.defer(self._stage, decision.mail, decision.delay)
            case Finished():
                await self._send(decision.created)
                if decision.events:
                    await records.keep(*decision.events)
                self._gateway.orders.forget(mail)

    def _deferred(self, later: Later, copy: bytes) -> Deferred:
        now, mail = self._now(), later.mail
        state = WAITING[self._stage]
        return Deferred(mail.id, now, now + later.delay, later.reason, mail.attempts, state, copy)

    async def _send(self, created: tuple[Mail, ...]) -> None:
        """What a step made itself is not checked: the sender has it next."""
        if not created:
            return
        self._gateway.records.note(*(Entered(mail, Stage.SENDER, self._now()) for mail in created))
        await self._gateway.bus.publish(Stage.SENDER, created)

    def _moved_on(self, mail: Mail) -> tuple[Moved, ...]:
        """The new state, unless the records show it already."""
        state = WAITING[following(self._stage)]
        if state is WAITING[self._stage] and mail.id not in self._shown:
            return ()
        return (Moved(mail.id, self._now(), state),)


def _result_of(decision: Outcome | Parked) -> str:
    """What became of a mail, in a word."""
    match decision:
        case Onward():
            return "onward"
        case Later():
            return "later"
        case Parked():
            return _PARKED
        case Finished():
            ended = (event.ending for event in decision.events if isinstance(event, Ended))
            return next(ended, "replaced")
