"""Keeps the gateway's processes alive: starts them, hears their beats, and replaces what dies or hangs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gateway.runtime.exitcodes import ExitCode
from gateway.runtime.heartbeat import FD_VARIABLE, Beat, Reader

_REASONS = frozenset(ExitCode) - {ExitCode.BAD_OPTIONS}

_LOOKS = 10
"""How often the supervisor looks for overdue modules within the time that one of them has to beat."""

_LAST_WORDS = 1.0
"""Seconds for what a dead child wrote to be read: somebody it left behind may hold its streams open."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Child:
    """A process of the gateway. Each of its `modules` has to beat."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    modules: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long the supervisor waits for what. All in seconds."""

    beat: float = 60.0  # for the next beat of a module
    start: float = 300.0  # for a module to begin its work
    drain: float = 45.0  # for a child to end when the gateway stops
    grace: float = 10.0  # for a child to end whose module hangs
    first_delay: float = 0.5  # before a child that died is started again
    longest_delay: float = 30.0  # the same, when it dies soon after each start
    settled: float = 20.0  # a child that lived so long did not die of its start


@dataclass(frozen=True, slots=True)
class Pulse:
    """When the modules of a child gave their last sign of life, on the clock of the loop."""

    started_at: float
    awaited: frozenset[str]  # have not begun their work
    last: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # of those that have

    def after(self, beat: Beat, now: float) -> Pulse:
        """The pulse with one beat more. Before it is ready, a module's beats do not count."""
        if beat.module in self.last or (beat.ready and beat.module in self.awaited):
            return replace(self, awaited=self.awaited - {beat.module}, last={**self.last, beat.module: now})
        return self

    def overdue(self, now: float, limits: Limits) -> tuple[str, ...]:
        """The modules whose sign of life should have come by `now`, in the order of their names."""
        silent = {module for module, at in self.last.items() if at + limits.beat <= now}
        if self.started_at + limits.start <= now:
            silent |= self.awaited
        return tuple(sorted(silent))


def next_delay(former: float, lived: float, limits: Limits) -> float:
    """Seconds before a child is started again that `lived` so long and waited `former` before its start."""
    if lived >= limits.settled or not former:
        return limits.first_delay
    return min(former * 2, limits.longest_delay)


def manner_of_end(code: int) -> str:
    """How a process ended, in words, by its return code."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def ends_the_start(code: int, pulse: Pulse, *, started: bool) -> bool:
    """Whether a child's end is the end of the gateway's start.

    A child that gives up by itself before its modules are ready has said why, and would say it again.
    Once all have been ready, every end is an accident: the cause may go away by itself.
    """
    return not started and bool(pulse.awaited) and code > 0


def exit_code(code: int) -> ExitCode:
    """What the gateway exits with when a child gave up with `code`: the same, where the manual knows it.

    The code 1 is that of a wrong option, which a child never has, and of a fault that nobody caught.
    """
    return ExitCode(code) if code in _REASONS else ExitCode.SYSTEM_ERROR


class Supervisor:
    """Runs the children until it is told to stop.

    `ready` is called once, when all modules have begun their work. Children write to our own standard
    streams, unless `output` is given: then each line of theirs is handed to it with the child's name.
    """

    def __init__(
        self,
        children: Sequence[Child],
        limits: Limits,
        *,
        ready: Callable[[], None] = lambda: None,
        output: Callable[[str, str], None] | None = None,
    ) -> None:
        self._children = tuple(children)
        self._limits = limits
        self._ready = ready
        self._output = output
        self._waiting_for: set[str] = set()
        self._started = False
        self._halted = asyncio.Event()
        self._next: tuple[Child, ...] | None = None
        self._code: int = ExitCode.STARTED

    def stop(self) -> None:
        """Have all children end, and then `run`."""
        self._next = None
        self._halted.set()

    def replace(self, children: Sequence[Child]) -> None:
        """Have all children end, and then run these. Stopping has the last word."""
        if not self._halted.is_set() or self._next is not None:
            self._next = tuple(children)
            self._halted.set()

    async def run(self) -> int:
        """Run until stopped; the code to exit with, which is a child's when it could not start at all."""
        while True:
            self._waiting_for = {child.name for child in self._children}
            async with asyncio.TaskGroup() as keepers:
                for child in self._children:
                    keepers.create_task(self._keep(child))
            if self._next is None:
                return self._code
            self._children, self._next = self._next, None
            self._halted.clear()

    async def _keep(self, child: Child) -> None:
        delay = 0.0
        while not self._halted.is_set():
            life = _Life(child, self._limits, self._output, lambda pulse: self._heard(child, pulse))
            why = await life.run(self._halted)
            if self._halted.is_set():
                return
            if ends_the_start(life.code, life.pulse, started=self._started):
                _log.critical("%s %s before it was ready: the gateway does not start", child.name, why)
                self._code = exit_code(life.code)
                self.stop()
                return
            delay = next_delay(delay, life.lived, self._limits)
            # A process ends well only when it was told to, to begin again with what has changed.
            level = logging.INFO if why == manner_of_end(ExitCode.STARTED) else logging.ERROR
            _log.log(level, "%s %s: started again in %.1f s", child.name, why, delay)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._halted.wait(), delay)

    def _heard(self, child: Child, pulse: Pulse) -> None:
        if self._started or pulse.awaited:
            return
        self._waiting_for.discard(child.name)
        if not self._waiting_for:
            self._started = True
            self._ready()


class _Life:
    """One process of a child, from its start to its end."""

    def __init__(
        self,
        child: Child,
        limits: Limits,
        output: Callable[[str, str], None] | None,
        heard: Callable[[Pulse], None],
    ) -> None:
        self._child = child
        self._limits = limits
        self._output = output
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self.pulse = Pulse(self._loop.time(), child.modules)
        self.code = 0

    @property
    def lived(self) -> float:
        """Seconds since the start."""
        return self._loop.time() - self.pulse.started_at

    async def run(self, halted: asyncio.Event) -> str:
        """Run until the process ends by itself, hangs, or `halted` is set; how it ended, in words."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours:
            try:
                with theirs:
                    process = await self._start(theirs.fileno())
            except OSError as problem:
                self.code = ExitCode.SYSTEM_ERROR
                return f"could not be started ({problem.strerror})"

            async with asyncio.TaskGroup() as helpers:
                listening = helpers.create_task(self._listen(ours))
                relaying = helpers.create_task(self._relay(process))
                why = await self._watch(process, halted)
                await asyncio.wait({relaying}, timeout=_LAST_WORDS)
                relaying.cancel()
                listening.cancel()
            return why

    async def _start(self, heartbeat: int) -> Process:
        environment = {**self._child.environment, FD_VARIABLE: str(heartbeat)}
        return await asyncio.create_subprocess_exec(
            *self._child.argv,
            env=environment,
            stdin=DEVNULL,
            stdout=None if self._output is None else PIPE,
            stderr=None if self._output is None else STDOUT,
            pass_fds=(heartbeat,),
            # A group of its own: Ctrl-C is for us to pass on, and what a child leaves behind can be found.
            process_group=0,
        )

    async def _watch(self, process: Process, halted: asyncio.Event) -> str:
        exited = asyncio.ensure_future(process.wait())
        asked = asyncio.ensure_future(halted.wait())
        hanging: tuple[str, ...] = ()
        try:
            while not (exited.done() or asked.done() or hanging):
                look_again = self._limits.beat / _LOOKS
                await asyncio.wait({exited, asked}, timeout=look_again, return_when="FIRST_COMPLETED")
                hanging = self.pulse.overdue(self._loop.time(), self._limits)
            if exited.done():
                self.code = exited.result()
                return manner_of_end(self.code)
            await self._end(process, self._limits.drain if asked.done() else self._limits.grace)
            self.code = await exited
            return f"was ended, since nothing was heard from {', '.join(hanging)}"
        finally:
            asked.cancel()
            exited.cancel()
            # What the child started itself, such as its pool of processes, must not outlive it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    async def _end(self, process: Process, patience: float) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), patience)
        except TimeoutError:
            _log.error("%s did not end within %.0f s and is killed", self._child.name, patience)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    async def _listen(self, channel: socket.socket) -> None:
        reader = Reader()
        while received := await self._loop.sock_recv(channel, 4096):
            for beat in reader.feed(received):
                self.pulse = self.pulse.after(beat, self._loop.time())
            self._heard(self.pulse)

    async def _relay(self, process: Process) -> None:
        if process.stdout is None or self._output is None:
            return
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than the reader holds, and thrown away by it
                continue
            if not line:
                return
            self._output(self._child.name, line.decode("utf-8", "replace").rstrip("\n"))
