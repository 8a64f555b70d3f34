"""A process that is killed at any of its steps, each step being one thing that it does to files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

STEPS = frozenset(
    {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate"}
)


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that is killed before its step of that number; False when it ends first."""
    child = os.fork()
    if not child:
        left = step

        def count(event: str, _: object) -> None:
            nonlocal left
            if event in STEPS:
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"the work failed at step {step}"
    return os.WIFSIGNALED(status)
