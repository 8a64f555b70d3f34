"""What a process uses of its machine, under the names that Prometheus' own libraries give it."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.metrics.catalogue import (
    PROCESS_CPU,
    PROCESS_FILES,
    PROCESS_MEMORY,
    PROCESS_MOST_FILES,
    PROCESS_START,
)
from gateway.metrics.family import Collected, Sample

_PROC = Path("/proc/self")
_STARTED = 19
"""Where the start of a process stands in its `stat`, behind its name (proc(5), field 22)."""


def resources() -> Iterator[Collected]:
    """What is used now. Where the system does not tell, the number is left out."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield Collected(PROCESS_CPU, [Sample(used.ru_utime + used.ru_stime)])
    yield Collected(PROCESS_MOST_FILES, [Sample(resource.getrlimit(resource.RLIMIT_NOFILE)[0])])
    try:
        pages = int((_PROC / "statm").read_text().split()[1])
        files = len(os.listdir(_PROC / "fd"))
        began = _began((_PROC / "stat").read_text())
    except OSError:
        return
    yield Collected(PROCESS_MEMORY, [Sample(pages * resource.getpagesize())])
    yield Collected(PROCESS_FILES, [Sample(files)])
    yield Collected(PROCESS_START, [Sample(began)])


def _began(stat: str) -> float:
    ticks = int(stat.rpartition(")")[2].split()[_STARTED])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return round(time.time() - age, 2)
