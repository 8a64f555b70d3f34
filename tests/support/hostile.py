"""Functions that misbehave, for the processes of the isolation pool."""

from __future__ import annotations

import os
import socket
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from gateway.runtime.confinement import leave_network
from gateway.runtime.sheets import Sheet
from services.scanner.engines.port import Bases, EngineResult, Sample
from services.scanner.engines.testfile import StandardTestFile


def lengths(*pieces: bytes) -> tuple[int, ...]:
    """Work as it should be."""
    return tuple(map(len, pieces))


def first_and_last(sheet: Sheet, size: int) -> bytes:
    """Look at a sheet."""
    return sheet.read(0, 1) + sheet.read(size - 1, size + 100)


def scribble(sheet: Sheet) -> None:
    """Change what was shared."""
    os.pwrite(sheet.descriptor, b"changed", 0)


def abort() -> None:
    """Die of a signal, as a library with a bug does."""
    os.abort()


def leave(exit_code: int) -> None:
    """End the process behind the pool's back."""
    os._exit(exit_code)


def give_up() -> None:
    """Ask for the end of the process."""
    sys.exit("enough")


def sleep_on() -> None:
    """Never come to an end, without using the processor."""
    time.sleep(3600)


def spin() -> None:
    """Never come to an end, at full speed."""
    while True:
        pass


def eat_memory() -> int:
    """Take more memory than anybody has."""
    eaten = []
    while True:
        eaten.append(bytearray(64 << 20))


def eat_descriptors() -> int:
    """Open one file after another."""
    opened = []
    while True:
        opened.append(os.open("/dev/null", os.O_RDONLY))


def fill_disk(path: str) -> None:
    """Write one file without end."""
    with Path(path).open("wb") as file:
        while True:
            file.write(b"x" * (1 << 20))


def give_a_function() -> object:
    """Give back what is no value."""
    return print


class Bomb:
    """Something whose pickle would run a command in the process that reads it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /nowhere/at/all",)


def give_a_bomb() -> object:
    """Try to make the reader of the result run code."""
    return Bomb()


def environment() -> tuple[str, ...]:
    """The names that the process knows of the environment of the service, as the kernel keeps them."""
    lines = Path("/proc/self/environ").read_bytes().split(b"\0")
    return tuple(line.partition(b"=")[0].decode() for line in lines if line)


def descriptors() -> tuple[str, ...]:
    """What the process has open."""
    return tuple(
        os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if Path(entry.path).is_symlink()
    )


def process_id() -> int:
    """Which process this is."""
    return os.getpid()


def knock(port: int) -> bool:
    """Whether something that listens on this machine can be reached."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def may_leave_network() -> bool:
    """Whether the kernel lets such a process have a network of its own."""
    return leave_network()


@dataclass(frozen=True)
class HostileEngine:
    """Knows the test file, but does something bad with some objects: hangs, dies of a signal, or raises."""

    behaviour: Literal["hang", "die", "raise"]
    victim: bytes = b""  # what every content begins with that it does this with
    name: str = "hostile"
    edition: str = "1"
    bases: Bases = Bases(date(2026, 3, 1), 1)  # noqa: RUF009 - it is frozen

    @property
    def at_hand(self) -> HostileEngine:
        return self

    knowledge = at_hand

    def judge(self, sample: Sample) -> EngineResult:
        if not sample.content.startswith(self.victim):
            return StandardTestFile().judge(sample)
        match self.behaviour:
            case "hang":
                sleep_on()
            case "die":
                abort()
        raise OSError("broken")
