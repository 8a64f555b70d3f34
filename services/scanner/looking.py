"""Has messages examined: on the spot what is small and holds nothing else, the rest in the isolation pool.

Equal messages are examined only once.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from weakref import WeakValueDictionary

from gateway.blobs.port import Blobs
from gateway.domain.mail import BodyRef
from gateway.domain.statistics import Peak, Timing, nobody_measures
from gateway.runtime.isolation import CouldNotCheck
from gateway.runtime.sheets import Sheet
from services.scanner.engines.port import Bases
from services.scanner.examination import Examination, not_examined, survey, survey_sheet
from services.scanner.held import InMemory, OnSheet
from services.scanner.look import CAUSES, Look, Means

LARGE = 1 << 20
"""Bytes from which on a message is taken apart in the pool, and not kept in memory meanwhile."""

MOST_BOUNDARY_LINES = 300
"""Lines like boundaries of a message that is taken apart on the spot; real mail has some dozens."""

MOST_LARGE = 4
"""Large messages that are in memory at once."""

MOST_REMEMBERED = 1024
"""Examinations that are kept for the other copies of a message."""
MOST_REMEMBERED_OBJECTS = 50
"""What has more objects is not kept: real copies of it are rare, and it would take much room."""


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
    """Gives the examination of each message."""

    def __init__(
        self, means: Means, *, large: int = LARGE, reach: Callable[[Peak, int], None] = nobody_measures
    ) -> None:
        self.sessions = 0
        """Messages that are looked at now."""
        self._means = means
        self._reach = reach
        self._large = large
        self._room = asyncio.Semaphore(MOST_LARGE)
        self._remembered: OrderedDict[str, Examination] = OrderedDict()
        self._working: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def bases(self) -> Bases:
        """The databases that messages are examined with now."""
        return self._means.panel.bases

    async def examine(self, body: Body) -> Examination:
        """What was found in the message. What is in it never makes this fail.

        Raises `TemporaryFailure` when an engine cannot be asked now.
        """
        # The copies of one message come together: the first one looks for all.
        async with self._working.setdefault(body.digest, asyncio.Lock()):
            editions = await self._means.panel.editions()
            known = self._remembered.get(body.digest)
            if known and known.editions == editions:
                self._remembered.move_to_end(body.digest)
                return known
            self.sessions += 1
            self._reach(Peak.ANTIVIRAL_SESSIONS, self.sessions)
            try:
                examination = await self._look(body, editions)
            finally:
                self.sessions -= 1
            self._remember(body.digest, examination)
            return examination

    async def _look(self, body: Body, editions: tuple[str, ...]) -> Examination:
        means = self._means
        message = await body.read() if body.size < self._large else b""
        if message and message.count(b"\n--") <= MOST_BOUNDARY_LINES:
            look = Look(means, InMemory(message), editions)
            began = time.perf_counter()
            found = survey(message, look.at_hand_for, means.rules)
            means.took(Timing.LOCAL_ENGINES, time.perf_counter() - began)
            if not found.left:
                return await look.completed(found)
            with await body.copied() as sheet:
                return await look.completed(found, sheet)

        async with self._room:
            with await body.copied() as sheet:
                answer = await means.pool.run(
                    survey_sheet, sheet, body.size, means.rules, timeout=means.timeout
                )
                if not isinstance(answer, CouldNotCheck):
                    return await Look(means, OnSheet(sheet), editions).completed(answer, sheet)
        return not_examined(await body.read(), CAUSES[answer.cause])

    def _remember(self, digest: str, examination: Examination) -> None:
        self._remembered.pop(digest, None)
        if not examination.editions or examination.count > MOST_REMEMBERED_OBJECTS:
            return
        self._remembered[digest] = examination
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
