"""Runs plain functions on hostile bytes in processes of their own, where they can hurt nobody.

A function there has bounds on time, memory, open files and the size of files; no network where the kernel
lets us take it away, no environment and none of our connections. Whatever becomes of it is an answer: its
result, or `CouldNotCheck` with the cause. The pool survives all of them.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import TypeVar, TypeVarTuple, cast

from gateway.domain.errors import TemporaryFailure
from gateway.runtime import confinement
from gateway.runtime.confinement import LENGTH_BYTES, Bounds, Call, Failed, as_sent, read_plain

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

CALLS_PER_PROCESS = 500
"""Then a process is replaced, and what leaked in it is gone."""

START_SECONDS = 30.0
"""A new process is ready for calls within this time."""

END_SECONDS = 1.0
"""Who closed its pipes is gone within this time, or is helped on."""

LONGEST_ANSWER = 256 << 20
"""Bytes of an answer; who announces a longer one has crashed."""

_ENVIRONMENT = ("LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")
"""What confined processes may know of ours; the rest may hold secrets."""


class Cause(StrEnum):
    """Why there is no result."""

    TIMED_OUT = "timed out"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out of memory"
    RAISED = "raised"


@dataclass(frozen=True, slots=True)
class CouldNotCheck:
    """The function gave no result. Nobody may read this as "nothing was found"."""

    cause: Cause
    detail: str = ""


class IsolationPool:
    """A few processes, each started when it is first needed and replaced when it breaks.

    `preload` names modules that all of them load before their first call. At most `waiting` calls stand in
    line for a free process: one more is a `TemporaryFailure`.
    """

    def __init__(
        self,
        *,
        processes: int = 2,
        waiting: int = 128,
        bounds: Bounds | None = None,
        preload: Sequence[str] = (),
    ) -> None:
        self._bounds = bounds or Bounds()
        self._preload = preload
        self._places = processes + waiting
        self._free = asyncio.Semaphore(processes)
        self._idle: list[_Confined] = []

    async def run(
        self, function: Callable[[*Arguments], T], *arguments: *Arguments, timeout: float
    ) -> T | CouldNotCheck:
        """What `function` gives for `arguments`, within `timeout` seconds from when a process has it.

        It must be a function of a module, what can be pickled are its arguments, and values its result:
        builtins, and dataclasses and enums of the domain and the services. Large arguments go as a `Sheet`,
        which costs a thousandth of sending them.
        """
        if self._places == 0:
            raise TemporaryFailure("too much waits for being looked at in isolation")
        self._places -= 1
        try:
            async with self._free:
                return cast("T | CouldNotCheck", await self._ask(Call(function, arguments, timeout)))
        finally:
            self._places += 1

    async def close(self) -> None:
        """End all processes. Nobody may be waiting for an answer any more."""
        while self._idle:
            await self._idle.pop().kill()

    async def _ask(self, call: Call) -> object:
        confined = await self._take()
        try:
            async with asyncio.timeout(call.seconds):
                return _understood(await confined.answer_to(call))
        except TimeoutError:
            return CouldNotCheck(Cause.TIMED_OUT, f"after {call.seconds:g} s")
        except (EOFError, ConnectionError):
            return _died(await confined.ended())
        finally:
            await self._put_back(confined)

    async def _take(self) -> _Confined:
        while self._idle:
            confined = self._idle.pop()
            if confined.is_alive:
                return confined
            await confined.kill()
        return await _Confined.start(self._bounds, self._preload)

    async def _put_back(self, confined: _Confined) -> None:
        if confined.is_idle and confined.calls < CALLS_PER_PROCESS:
            self._idle.append(confined)
        else:
            await confined.kill()


class _Confined:
    """One process, and the pipes that lead to it."""

    def __init__(self, process: Process, calls: socket.socket) -> None:
        self.calls = 0
        self.is_idle = True
        self._process = process
        self._calls = calls  # the way there; back leads the standard output of the process

    @classmethod
    async def start(cls, bounds: Bounds, preload: Sequence[str]) -> _Confined:
        """A process that waits for calls. `TemporaryFailure` when it does not come up."""
        known = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", f"from {confinement.__name__} import main; main()"),
                *map(str, astuple(bounds)),
                *preload,
                stdin=theirs.fileno(),
                stdout=PIPE,
                stderr=DEVNULL,
                env=known | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        except OSError as error:
            ours.close()
            raise TemporaryFailure(f"a process for isolated work cannot be started: {error}") from error
        finally:
            theirs.close()

        confined = cls(process, ours)
        try:
            async with asyncio.timeout(START_SECONDS):
                await confined._read()
        except (TimeoutError, EOFError, ConnectionError) as error:
            await confined.kill()
            raise TemporaryFailure("a process for isolated work did not come up") from error
        except asyncio.CancelledError:
            await confined.kill()
            raise
        return confined

    @property
    def is_alive(self) -> bool:
        """False when somebody outside killed it."""
        return self._process.returncode is None

    async def answer_to(self, call: Call) -> bytes:
        """The answer, still pickled. `EOFError` or `ConnectionError` when the process ended instead."""
        self.calls += 1
        self.is_idle = False
        content, sheets = as_sent(call)
        # It waits for a call, so there is room in its socket for a length.
        length = len(content).to_bytes(LENGTH_BYTES, "big")
        socket.send_fds(self._calls, [length], [sheet.descriptor for sheet in sheets])
        await asyncio.get_running_loop().sock_sendall(self._calls, content)
        answer = await self._read()
        self.is_idle = True
        return answer

    async def ended(self) -> int:
        """The exit code of a process that closed its pipes, which it does when it dies."""
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                return await self._process.wait()
        return await self.kill()

    async def kill(self) -> int:
        """End the process, if it has not ended already; its exit code."""
        self._calls.close()
        if self.is_alive:
            with suppress(ProcessLookupError):
                self._process.kill()
        return await self._process.wait()

    async def _read(self) -> bytes:
        assert self._process.stdout  # noqa: S101 - it is a pipe, as `start` asked for
        length = int.from_bytes(await self._process.stdout.readexactly(LENGTH_BYTES), "big")
        if length > LONGEST_ANSWER:
            raise EOFError("the answer is too long")
        return await self._process.stdout.readexactly(length)


def _understood(pickled: bytes) -> object:
    try:
        answer = read_plain(pickled)
    except pickle.UnpicklingError as error:
        return CouldNotCheck(Cause.CRASHED, str(error))
    if isinstance(answer, Failed):
        return CouldNotCheck(Cause.OUT_OF_MEMORY if answer.out_of_memory else Cause.RAISED, answer.error)
    return answer


def _died(exit_code: int) -> CouldNotCheck:
    if exit_code == -signal.SIGXCPU:
        return CouldNotCheck(Cause.TIMED_OUT, "its processor time was used up")
    how = signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
    return CouldNotCheck(Cause.CRASHED, how)
