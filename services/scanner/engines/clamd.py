"""ClamAV, asked over the socket of its daemon.

| clamd | the object |
|---|---|
| found something | infected; suspicious for its heuristics and unwanted programs |
| calls it encrypted (`AlertEncrypted`) | protected |
| went beyond its limits (`AlertExceedsMax`, `StreamMaxLength`), or needs more than `ScanTimeout` | error |
| cannot be reached, or broke off | none: the mail waits, and is looked at again |
| broke off over the same content for the third time | error |
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar, TypeVarTuple

from gateway.domain.endpoint import HostPort, LocalSocket
from gateway.domain.errors import TemporaryFailure
from gateway.domain.kinds import Kind
from gateway.domain.policy import ObjectStatus
from gateway.domain.statistics import Timing, Took, nobody_times
from gateway.runtime.outages import Outages
from services.scanner.engines.clamdhealth import Health
from services.scanner.engines.clamdtalk import BrokenOff, Talk, TooLarge, TooSlow, Unreachable
from services.scanner.engines.port import CLEAN, Bases, EngineResult, Sample

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

VERSION_SECONDS = 1.0
"""A stated version is believed for so long."""

ASK_SECONDS = 5.0
"""Within which clamd says who it is; it does so while it works on contents."""

MOST_BREAKS = 3
"""So often clamd may break off over one content, before that content is to blame."""

REMEMBERED_BREAKS = 1000

OPENS = frozenset(
    {
        *(Kind.ZIP, Kind.SEVEN_ZIP, Kind.TAR, Kind.GZIP, Kind.BZIP2, Kind.XZ, Kind.CAB, Kind.ARJ, Kind.CPIO),
        *(Kind.ISO, Kind.CHM, Kind.OLE, Kind.RTF, Kind.PDF, Kind.TNEF),
    }
)
"""What every clamd opens. Debian's has no RAR, and what is mail for it differs from what is mail for us."""

_TOO_SLOW = EngineResult(ObjectStatus.ERROR, cause="clamd: timed out")

_MEANINGS = (
    ("Heuristics.Limits.Exceeded", ObjectStatus.ERROR),
    ("Heuristics.Encrypted", ObjectStatus.PROTECTED),
    ("Heuristics.", ObjectStatus.SUSPICIOUS),
    ("PUA.", ObjectStatus.SUSPICIOUS),
    ("", ObjectStatus.INFECTED),
)
"""What the names of findings begin with, and what that says of an object; the first that fits counts."""

_WITH_DATABASES = re.compile(r"[^/]+/\d+/\w{3} (\w{3} +\d+ [\d:]+ \d{4})\Z")


@dataclass(frozen=True, slots=True)
class Stated:
    """What clamd said of itself, and when, in seconds of the clock."""

    version: str = ""  # "ClamAV 1.4.3/27461/Mon Nov 18 09:30:00 2024"
    at: float = float("-inf")


class ClamdEngine:
    """One clamd, asked by as many threads at once as there may be sessions."""

    name = "clamd"
    opens = OPENS

    def __init__(
        self,
        address: HostPort | LocalSocket,
        *,
        sessions: int,
        timeout: float,
        official_only: bool,
        outages: Outages,
        took: Took = nobody_times,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout` in seconds, for one sample.

        `official_only`: it has ClamAV's own databases and no others, so what it states of them says all.
        That it is away is told to `outages`.
        """
        self._address = address
        self._timeout = timeout
        self._official_only = official_only
        self._took = took
        self._clock = clock
        self._health = Health(str(address), outages, clock)
        self._threads = ThreadPoolExecutor(sessions, thread_name_prefix="clamd")
        self._talks: set[Talk] = set()
        self._stated = Stated()
        self._asking = asyncio.Lock()
        self._breaks: OrderedDict[bytes, int] = OrderedDict()

    @property
    def bases(self) -> Bases:
        """Of the day that clamd stated last; how many signatures it has it does not tell."""
        stated = _WITH_DATABASES.match(self._stated.version)
        day = datetime.strptime(stated[1], "%b %d %H:%M:%S %Y").date() if stated else date.min
        return Bases(day, records=0)

    async def edition(self) -> str:
        """The version that clamd stated, at most a second ago; empty where that does not say all."""
        async with self._asking:
            if self._clock() - self._stated.at > VERSION_SECONDS:
                await self._ask_version()
        return self._edition_of(self._stated.version)

    async def reach(self) -> None:
        """Return when it says who it is. Raises `TemporaryFailure` when it does not."""
        await self.edition()
        self._health.check()

    async def scan(self, sample: Sample) -> EngineResult:
        """What clamd finds in the sample. Raises `TemporaryFailure`."""
        before = await self.edition()
        self._health.check()
        began = time.perf_counter()
        try:
            result, after = await self._in_a_thread(self._look, sample.content)
        except BrokenOff as problem:
            self._stated = Stated()  # whoever asks next finds out whether it is still there
            return self._broken_off(sample, str(problem))
        except Unreachable as problem:
            self._stated = Stated()
            self._health.failed(str(problem))
            raise self._health.failure() from problem
        self._took(Timing.CLAMD, time.perf_counter() - began)
        self._health.answered()
        self._breaks.pop(sample.digest, None)
        # Databases that were changed meanwhile: who knows which of them looked.
        return replace(result, edition=before if before == self._edition_of(after) else "")

    def close(self) -> None:
        """End all talks."""
        for talk in tuple(self._talks):
            talk.abandon()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask_version(self) -> None:
        try:
            self._health.check()
            version = await self._in_a_thread(self._version)
        except TemporaryFailure:
            self._stated = Stated()
        except Unreachable as problem:
            self._stated = Stated()
            self._health.failed(str(problem))
        else:
            self._stated = Stated(version, self._clock())
            self._health.answered()

    def _edition_of(self, version: str) -> str:
        return version if self._official_only and _WITH_DATABASES.match(version) else ""

    def _broken_off(self, sample: Sample, trouble: str) -> EngineResult:
        """Let the content be looked at again, but not for ever."""
        breaks = self._breaks.pop(sample.digest, 0) + 1
        if breaks < MOST_BREAKS:
            self._breaks[sample.digest] = breaks
            if len(self._breaks) > REMEMBERED_BREAKS:
                self._breaks.popitem(last=False)
            raise TemporaryFailure(f"clamd broke off: {trouble}")
        return EngineResult(ObjectStatus.ERROR, cause=f"clamd broke off {breaks} times: {trouble}")

    async def _in_a_thread(self, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _look(self, content: bytes) -> tuple[EngineResult, str]:
        """What clamd says of a content, and the version that it states afterwards, if that matters."""
        try:
            with self._talk(self._timeout) as talk:
                result = meaning_of(talk.verdict_on(content))
        except TooLarge:
            result = EngineResult(ObjectStatus.ERROR, cause="clamd: larger than its StreamMaxLength")
        except TooSlow:
            # One that does not even say who it is has not looked at the content at all.
            return _TOO_SLOW, self._version()
        return result, self._version() if self._official_only else ""

    def _version(self) -> str:
        with self._talk(min(ASK_SECONDS, self._timeout)) as talk:
            return talk.stated_version()

    @contextmanager
    def _talk(self, seconds: float) -> Iterator[Talk]:
        talk = Talk(self._address, seconds)
        self._talks.add(talk)
        try:
            yield talk
        finally:
            self._talks.discard(talk)


def meaning_of(found: str) -> EngineResult:
    """What the name of a finding says of an object; "" is no finding."""
    if not found:
        return CLEAN
    status = next(status for beginning, status in _MEANINGS if found.startswith(beginning))
    if status in (ObjectStatus.ERROR, ObjectStatus.PROTECTED):
        return EngineResult(status, cause=f"clamd: {found}")
    return EngineResult(status, (found,))
