"""A confined process of the isolation pool: what it gives up before it works, and how it answers.

It takes calls from a socket, its standard input, and gives answers on its standard output, each with its
length before it. Calls come from the service and are pickled; the sheets among their arguments come as open
files with the length. Answers come from where hostile bytes are handled: the service reads them with
`read_plain`, which makes values and nothing else, so they run no code there.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import math
import os
import pickle
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from enum import Enum
from typing import BinaryIO

from gateway.runtime.sheets import Sheet

LENGTH_BYTES = 8
"""The length before a call or an answer, the most significant byte first."""

MOST_SHEETS = 8
"""Sheets that go with one call."""

MOST_DESCRIPTORS = 1 << 20
"""No descriptor of a service has a higher number."""

_VALUES_OF = ("gateway.domain.", "gateway.runtime.confinement.", "services.")

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process may use; time is bound for each call."""

    memory: int = 1 << 30  # bytes of address space
    open_files: int = 64
    file_size: int = 64 << 20  # bytes of any one file that it writes


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a module, and how much processor time it may take."""

    function: Callable[..., object]
    arguments: tuple[object, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The call raised something."""

    error: str
    out_of_memory: bool


def main() -> None:
    """Serve calls; the arguments are the numbers of `Bounds`, then modules to load before the first call."""
    os.closerange(3, MOST_DESCRIPTORS)  # some event loops leave more open than they were asked to
    with socket.socket(fileno=os.dup(0)) as calls, os.fdopen(os.dup(1), "wb") as answers:
        # What the called code reads and prints goes nowhere.
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)
        os.close(nowhere)
        memory, open_files, file_size, *preload = sys.argv[1:]
        for module in preload:
            importlib.import_module(module)
        confine(Bounds(int(memory), int(open_files), int(file_size)))
        serve_calls(calls, answers)


def serve_calls(calls: socket.socket, answers: BinaryIO) -> None:
    """Say by an empty answer that we are ready, then answer one call after the other while there are any."""
    answer = b""
    while True:
        answers.write(len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
        answers.flush()
        prefix, descriptors, _flags, _sender = socket.recv_fds(calls, LENGTH_BYTES, MOST_SHEETS)
        sheets = [Sheet(descriptor) for descriptor in descriptors]
        if len(prefix) < LENGTH_BYTES:
            return
        answer = answer_to(_received(calls, int.from_bytes(prefix, "big")), sheets)
        for sheet in sheets:
            sheet.close()


def _received(calls: socket.socket, length: int) -> bytes:
    """The next `length` bytes; fewer if nobody is there any more."""
    content = bytearray(length)
    view = memoryview(content)
    while view and (taken := calls.recv_into(view)):
        view = view[taken:]
    return bytes(content)


def confine(bounds: Bounds) -> None:
    """Give up, for good, what work on hostile bytes does not need."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    leave_network()
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, bounds.memory),
        (resource.RLIMIT_NOFILE, bounds.open_files),
        (resource.RLIMIT_FSIZE, bounds.file_size),
    ):
        resource.setrlimit(limit, (most, most))


def leave_network() -> bool:
    """Move to a network of our own with nothing in it; False where the kernel does not let us.

    Containers often forbid it. There the orchestrator keeps the service from networks that it does not need.
    """
    # Root needs no user namespace, and others get the right to a network of their own by one.
    return any(_LIBC.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def as_sent(call: Call) -> tuple[bytes, list[Sheet]]:
    """A call as it is sent, and the sheets that go with it."""
    written = io.BytesIO()
    pickler = _CallPickler(written, pickle.HIGHEST_PROTOCOL)
    pickler.dump(call)
    return written.getvalue(), pickler.sheets


def answer_to(pickled_call: bytes, sheets: Sequence[Sheet] = ()) -> bytes:
    """The pickled result of a call, or `Failed`."""
    try:
        call: Call = _CallUnpickler(io.BytesIO(pickled_call), sheets).load()  # the service itself wrote it
        # The pool ends a call by the clock; this ends one whose pool is gone.
        most = math.ceil(time.process_time() + call.seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        return pickle.dumps(call.function(*call.arguments))
    except MemoryError as error:
        return pickle.dumps(Failed(str(error), out_of_memory=True))
    except BaseException as error:  # whatever hostile bytes make it raise, SystemExit too, is an answer
        return pickle.dumps(Failed(f"{type(error).__name__}: {error}"[:500], out_of_memory=False))


def read_plain(pickled: bytes) -> object:
    """The value in `pickled`, made of builtins and of our own dataclasses and enums.

    Raises `pickle.UnpicklingError` for everything else, and for bytes that are no pickle.
    """
    try:
        return _PlainUnpickler(io.BytesIO(pickled)).load()
    except Exception as error:  # broken pickles raise nearly anything
        raise pickle.UnpicklingError(f"no plain value: {error}") from error


class _CallPickler(pickle.Pickler):
    """Leaves sheets out, each by its number."""

    def __init__(self, written: io.BytesIO, protocol: int) -> None:
        super().__init__(written, protocol)
        self.sheets: list[Sheet] = []

    def persistent_id(self, value: object) -> int | None:
        """The number of a sheet; None for what is pickled."""
        if not isinstance(value, Sheet):
            return None
        if value not in self.sheets:
            self.sheets.append(value)
        return self.sheets.index(value)


class _CallUnpickler(pickle.Unpickler):
    def __init__(self, read: io.BytesIO, sheets: Sequence[Sheet]) -> None:
        super().__init__(read)
        self._sheets = sheets

    def persistent_load(self, number: int) -> Sheet:
        """The sheet of that number."""
        return self._sheets[number]


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        """Only classes that hold values, of modules that are loaded already."""
        found = getattr(sys.modules.get(module), name, None)
        if not isinstance(found, type) or not (is_dataclass(found) or issubclass(found, Enum)):
            raise pickle.UnpicklingError(f"{module}.{name} holds no value")
        if not f"{module}.".startswith(_VALUES_OF):
            raise pickle.UnpicklingError(f"{module}.{name} is none of ours")
        return found
