"""The file with the number of the gateway's process, which also keeps a second gateway from starting.

What says that a gateway runs is a lock on the file, not the number in it: numbers are given out again,
in a container even the same ones at each start, and a lock ends with its process however that ends.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from gateway.runtime.exitcodes import ExitCode, StartFailure


class PidFile:
    """A PID file that is ours until `remove`, or until the process ends."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd

    @classmethod
    def claim(cls, path: Path) -> PidFile:
        """Make the file ours; one that a dead gateway left is taken over. Raises `StartFailure`.

        The claim survives a fork and belongs to both processes until one of them writes its number.
        """
        while True:
            fd = _open(path)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number = os.read(fd, 20).decode("ascii", "replace").strip()
                os.close(fd)
                raise StartFailure(
                    ExitCode.PID_FILE_EXISTS,
                    f"a gateway runs already, as process {number or 'unknown'} with the PID file {path}:"
                    " stop it first, or name another file with -p or PidFile of [smtpgw.options]",
                ) from None
            if _is_at(path, fd):
                return cls(path, fd)
            os.close(fd)  # the gateway that had it removed it as we opened it

    def write(self) -> None:
        """Put the number of this process into the file. Raises `StartFailure`."""
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as problem:
            raise _not_created(self._path, problem) from problem

    def give_to(self, uid: int, gid: int) -> None:
        """Let the account that the gateway will run as end what we began."""
        os.fchown(self._fd, uid, gid)

    def remove(self) -> None:
        """The gateway has stopped. Where the directory is not ours the file stays, but empty."""
        with suppress(OSError):
            os.ftruncate(self._fd, 0)
            self._path.unlink()
        os.close(self._fd)


def holder_of(path: Path) -> int | None:
    """The process of the gateway that holds the file; None when none runs. Raises `StartFailure`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise StartFailure(
            ExitCode.SYSTEM_ERROR, f"the PID file {path} cannot be read ({problem.strerror})"
        ) from problem
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        number = os.read(fd, 20).decode("ascii", "replace").strip()
        return int(number) if number.isdecimal() else None
    finally:
        os.close(fd)
    return None


def _open(path: Path) -> int:
    try:
        # The directory below /run is gone after each start of the machine.
        path.parent.mkdir(mode=0o755, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as problem:
        raise _not_created(path, problem) from problem


def _not_created(path: Path, problem: OSError) -> StartFailure:
    return StartFailure(
        ExitCode.PID_FILE_NOT_CREATED,
        f"the PID file {path} cannot be written ({problem.strerror}): make its directory writable, name"
        " another file with -p or PidFile of [smtpgw.options], or go without one (-n)",
    )


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
