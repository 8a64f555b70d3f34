"""Going to the background, in such a way that who started the gateway learns whether it runs."""

from __future__ import annotations

import os
import sys

from gateway.runtime.exitcodes import ExitCode, StartFailure


class Launcher:
    """The process that the operator started: it waits until it is told how the start went."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def tell(self, code: int) -> None:
        """Have it exit with `code`. Later calls are harmless."""
        if self._pipe >= 0:
            os.write(self._pipe, bytes((code,)))
            os.close(self._pipe)
            self._pipe = -1


def detach() -> Launcher:
    """Go on as a daemon: in a session of its own without a terminal, in `/`. Raises `StartFailure`.

    Returns in the daemon only. The standard streams stay until `leave_streams`, for what is to be said
    about the start; if the daemon dies without a word, the launcher exits with `SYSTEM_ERROR`.
    """
    reading, writing = os.pipe()
    try:
        middle = os.fork()
    except OSError as problem:
        raise _no_daemon(problem) from problem
    if middle:
        os.close(writing)
        os.waitpid(middle, 0)
        told = os.read(reading, 1)
        os._exit(told[0] if told else ExitCode.SYSTEM_ERROR)

    os.close(reading)
    launcher = Launcher(writing)
    os.setsid()
    try:
        # Not the leader of the session, so it never gets a terminal again by opening one.
        if os.fork():
            os._exit(0)
    except OSError as problem:
        launcher.tell(ExitCode.NO_DAEMON)
        raise _no_daemon(problem) from problem
    os.chdir("/")
    os.umask(0o027)
    return launcher


def leave_streams() -> None:
    """Let go of the terminal: nobody sees any more what is written there. Raises `StartFailure`."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as problem:
        raise StartFailure(
            ExitCode.STREAMS_NOT_CLOSED,
            f"the standard streams cannot be closed ({problem.strerror}): see what they were redirected to,"
            " or stay in the foreground with -d",
        ) from problem
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        if nothing > 2:
            os.close(nothing)
    except OSError as problem:
        raise StartFailure(
            ExitCode.STREAMS_NOT_REDIRECTED,
            f"the standard streams cannot be redirected to {os.devnull} ({problem.strerror}): make it a"
            " device that all may use, or stay in the foreground with -d",
        ) from problem


def _no_daemon(problem: OSError) -> StartFailure:
    return StartFailure(
        ExitCode.NO_DAEMON,
        f"no process for the background can be made ({problem.strerror}): raise the limit on processes,"
        " or stay in the foreground with -d",
    )
