"""Signs of life: how a process tells its supervisor that its modules run, and how the supervisor reads it.

The two ends share a socket pair whose number the child finds in its environment. A line on it is the
name of the module that beats; `<module> ready` is said once, when the module has begun its work. The
child's end also closes when the supervisor dies, which no process may outlive: a new gateway would meet
the old one on the same ports.

In a container nobody supervises but the container's own health check: there a beat touches a file.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FD_VARIABLE = "MAILWARDEN_HEARTBEAT_FD"
"""The environment variable with the number of the child's end."""

FILE_VARIABLE = "MAILWARDEN_HEARTBEAT_FILE"
"""The environment variable with the file that a beat touches."""

INTERVAL = 5.0
"""Seconds between two beats of a module."""

LONGEST_LINE = 256
"""Bytes of a line; what is longer is not from us and is thrown away."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One sign of life."""

    module: str
    ready: bool = False  # the module has begun its work


class Heartbeat:
    """The child's end. Where nobody listens every call is harmless."""

    def __init__(self, channel: socket.socket | None, file: Path | None = None) -> None:
        self._channel = channel
        self._file = file
        self._begun: set[str] = set()

    @property
    def is_heard(self) -> bool:
        """Whether a supervisor listens."""
        return self._channel is not None

    @classmethod
    def inherited(cls, environment: MutableMapping[str, str] = os.environ) -> Heartbeat:
        """Where the environment says that signs of life go.

        The variables are taken away: they are not for the processes that we start.
        """
        number, file = environment.pop(FD_VARIABLE, ""), environment.pop(FILE_VARIABLE, "")
        channel = socket.socket(fileno=int(number)) if number else None
        if channel:
            channel.set_inheritable(False)
            channel.setblocking(False)
        return cls(channel, Path(file) if file else None)

    def ready(self, module: str) -> None:
        """Say that `module` has begun its work: from now on it must beat."""
        self._begun.add(module)
        self._say(f"{module} ready\n")
        self._touch()

    def beat(self, module: str) -> None:
        """Say that `module` is alive."""
        self._say(f"{module}\n")
        if module in self._begun:
            self._touch()

    def when_orphaned(self, stop: Callable[[], None]) -> None:
        """Have the running loop call `stop`, once, when the supervisor is gone."""
        if self._channel is None:
            return
        channel, loop = self._channel, asyncio.get_running_loop()

        def closed() -> None:
            # The supervisor never writes, so that the end is readable means that it is closed.
            loop.remove_reader(channel)
            stop()

        loop.add_reader(channel, closed)

    def close(self) -> None:
        """Let go of the channel. It must not be watched by a running loop any more after this."""
        if self._channel is not None:
            with suppress(RuntimeError):  # no loop runs: nobody watches
                asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()
            self._channel = None

    def _say(self, line: str) -> None:
        if self._channel is None:
            return
        # A full channel has beats enough in it, and a closed one is told by `when_orphaned`.
        with suppress(BlockingIOError, ConnectionError):
            self._channel.send(line.encode())

    def _touch(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a file that stays old says what there is to say
                self._file.touch()


class Reader:
    """Takes beats out of the bytes that come from a child."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> list[Beat]:
        """The beats whose lines are complete now. Lines that are none of ours are passed over."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            self._rest = b""
        return [beat for line in lines if (beat := _parse(line)) is not None]


def _parse(line: bytes) -> Beat | None:
    match line.decode("ascii", "replace").split(" "):
        case [module] if module:
            return Beat(module)
        case [module, "ready"]:
            return Beat(module, ready=True)
        case _:
            return None
