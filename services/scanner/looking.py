"""Has messages examined: small ones at once, large ones in the isolation pool, equal ones only once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from weakref import WeakValueDictionary

from gateway.blobs.port import Blobs
from gateway.domain.mail import BodyRef
from gateway.runtime.isolation import Cause, CouldNotCheck, IsolationPool
from services.scanner.engines.port import Engine
from services.scanner.examination import Examination, Rules, examine, not_examined

LARGE = 2 << 20
"""Bytes from which on a message is examined in the pool. Smaller ones hold up the event loop for less than
6 ms, of which the way to the pool and back would save about half."""

MOST_REMEMBERED = 1024
"""Examinations that are kept for the other copies of a message."""
MOST_REMEMBERED_PARTS = 50
"""What has more parts is not kept: real copies of it are rare, and it would take much room."""

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
        self._blobs = blobs
        self._reference = reference
        self._content: bytes | None = None

    async def read(self) -> bytes:
        """The whole message."""
        if self._content is None:
            self._content = await self._blobs.read(self._reference)
        return self._content


class Examiner:
    """Gives the examination of each message, the large ones within `timeout` seconds."""

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
            examination = await self._look(await body.read())
            self._remember(body.digest, examination)
            return examination

    async def _look(self, message: bytes) -> Examination:
        if len(message) < self._large:
            return examine(message, self._engines, self._rules)
        answer = await self._pool.run(examine, message, self._engines, self._rules, timeout=self._timeout)
        if isinstance(answer, CouldNotCheck):
            return not_examined(message, _CAUSES[answer.cause])
        return answer

    def _remember(self, digest: str, examination: Examination) -> None:
        if examination.passing or len(examination.parts) > MOST_REMEMBERED_PARTS:
            return
        self._remembered[digest] = examination
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
