"""Has messages examined: on the spot what is small and holds nothing else, the rest in the isolation pool.

Equal messages are examined only once.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from weakref import WeakValueDictionary

from gateway.blobs.port import Blobs
from gateway.domain.mail import BodyRef
from gateway.domain.mime import Part
from gateway.runtime.isolation import Cause, CouldNotCheck, IsolationPool
from gateway.runtime.sheets import Sheet
from services.scanner.engines.port import Engine
from services.scanner.examination import (
    Examination,
    Survey,
    examine_parts,
    not_examined,
    survey,
    survey_sheet,
)
from services.scanner.judging import Examined, Rules, could_not_judge

LARGE = 1 << 20
"""Bytes from which on a message is taken apart in the pool, and not kept in memory meanwhile."""

MOST_LARGE = 4
"""Large messages that are in memory at once."""

MOST_TIMES = 3
"""How many times the time of one object a message may take in all."""

MOST_REMEMBERED = 1024
"""Examinations that are kept for the other copies of a message."""
MOST_REMEMBERED_OBJECTS = 50
"""What has more objects is not kept: real copies of it are rare, and it would take much room."""

_CAUSES: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.TIMED_OUT: "scan timed out",
        Cause.CRASHED: "scan crashed",
        Cause.OUT_OF_MEMORY: "scan ran out of memory",
        Cause.RAISED: "scan failed",
    }
)


class Body:
    """The bytes of a message, read when they are asked for, and once."""

    def __init__(self, blobs: Blobs, reference: BodyRef) -> None:
        self.digest = reference.digest
        self.size = reference.size
        self._blobs = blobs
        self._reference = reference
        self._content: bytes | None = None

    async def read(self) -> bytes:
        """The whole message."""
        if self._content is None:
            self._content = await self._blobs.read(self._reference)
        return self._content

    async def copied(self) -> Sheet:
        """The whole message for other processes to read, without keeping it here."""
        if self._content is not None:
            return Sheet.of(self._content)
        with_pieces = Sheet.blank()
        try:
            async for piece in self._blobs.chunks(self._reference):
                with_pieces.write(piece)
            with_pieces.seal()
        except BaseException:
            with_pieces.close()
            raise
        return with_pieces


class Examiner:
    """Gives the examination of each message; one object in it may take `timeout` seconds."""

    def __init__(
        self,
        pool: IsolationPool,
        engines: Sequence[Engine],
        rules: Rules,
        *,
        timeout: float,
        large: int = LARGE,
    ) -> None:
        self._pool = pool
        self._engines = tuple(engines)
        self._rules = rules
        self._timeout = timeout
        self._large = large
        self._room = asyncio.Semaphore(MOST_LARGE)
        self._remembered: OrderedDict[str, Examination] = OrderedDict()
        self._working: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def examine(self, body: Body) -> Examination:
        """What was found in the message. What is in it never makes this fail."""
        # The copies of one message come together: the first one looks for all.
        async with self._working.setdefault(body.digest, asyncio.Lock()):
            known = self._remembered.get(body.digest)
            if known:
                self._remembered.move_to_end(body.digest)
                return known
            examination = await self._look(body)
            self._remember(body.digest, examination)
            return examination

    async def _look(self, body: Body) -> Examination:
        if body.size < self._large:
            found = survey(await body.read(), self._engines, self._rules)
            if not found.left:
                return found.examination()
            with await body.copied() as sheet:
                return await self._look_further(sheet, found)

        async with self._room:
            with await body.copied() as sheet:
                answer = await self._pool.run(
                    survey_sheet, sheet, body.size, self._engines, self._rules, timeout=self._timeout
                )
                if not isinstance(answer, CouldNotCheck):
                    return await self._look_further(sheet, answer)
        return not_examined(await body.read(), _CAUSES[answer.cause])

    async def _look_further(self, sheet: Sheet, found: Survey) -> Examination:
        """Have the parts that are left examined in the pool, together or, if that goes wrong, one by one."""
        if not found.left:
            return found.examination()
        until = time.monotonic() + MOST_TIMES * self._timeout
        answer = await self._ask(sheet, found.left, self._timeout)
        if not isinstance(answer, CouldNotCheck):
            return found.examination(answer)

        # Nobody knows which of them it was; the others shall not suffer for it.
        examined: list[Examined] = []
        for part in found.left:
            left = min(until - time.monotonic(), self._timeout)
            if len(found.left) > 1 and left > 0:
                answer = await self._ask(sheet, (part,), left)
            if isinstance(answer, CouldNotCheck):
                examined.append(could_not_judge(part, _CAUSES[answer.cause]))
            else:
                examined += answer
        return found.examination(examined, passing=True)

    async def _ask(
        self, sheet: Sheet, parts: Sequence[Part], seconds: float
    ) -> tuple[Examined, ...] | CouldNotCheck:
        return await self._pool.run(examine_parts, sheet, parts, self._engines, self._rules, timeout=seconds)

    def _remember(self, digest: str, examination: Examination) -> None:
        if examination.passing or examination.count > MOST_REMEMBERED_OBJECTS:
            return
        self._remembered[digest] = examination
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
