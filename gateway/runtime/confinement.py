"""A confined process of the isolation pool: what it gives up before it works, and how it answers.

It takes calls from its standard input and gives answers on its standard output, each with its length before
it. Calls come from the service and are pickled. Answers come from where hostile bytes are handled: the
service reads them with `read_plain`, which makes values and nothing else, so they run no code there.
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
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from enum import Enum
from typing import BinaryIO

LENGTH_BYTES = 8
"""The length before a call or an answer, the most significant byte first."""

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
    with os.fdopen(os.dup(0), "rb") as calls, os.fdopen(os.dup(1), "wb") as answers:
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


def serve_calls(calls: BinaryIO, answers: BinaryIO) -> None:
    """Say by an empty answer that we are ready, then answer one call after the other while there are any."""
    answer = b""
    while True:
        answers.write(len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
        answers.flush()
        prefix = calls.read(LENGTH_BYTES)
        if len(prefix) < LENGTH_BYTES:
            return
        answer = answer_to(calls.read(int.from_bytes(prefix, "big")))


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


def answer_to(pickled_call: bytes) -> bytes:
    """The pickled result of a call, or `Failed`."""
    try:
        call: Call = pickle.loads(pickled_call)  # noqa: S301 - the service itself wrote it
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


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        """Only classes that hold values, of modules that are loaded already."""
        found = getattr(sys.modules.get(module), name, None)
        if not isinstance(found, type) or not (is_dataclass(found) or issubclass(found, Enum)):
            raise pickle.UnpicklingError(f"{module}.{name} holds no value")
        if not f"{module}.".startswith(_VALUES_OF):
            raise pickle.UnpicklingError(f"{module}.{name} is none of ours")
        return found
