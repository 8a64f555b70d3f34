"""Has messages read: on the spot what is small and holds nothing but text, the rest in the isolation pool."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.blobs.port import Blobs
from gateway.domain.errors import TemporaryFailure
from gateway.domain.mail import BodyRef
from gateway.runtime.isolation import Cause, CouldNotCheck, IsolationPool
from gateway.runtime.sheets import Sheet
from services.antispam.message import Message, read_message
from services.antispam.reading.reading import MOST_BOUNDARY_LINES, read_sheet, read_whole, survey

MOST_READ = 1 << 20
"""Bytes of a message that are read; of a larger one its beginning and its end."""

LAST_READ = 1 << 16
"""Bytes of them from the end of a larger one: text behind a large attachment is read all the same."""

LONGEST_WAIT = 10.0
"""Seconds for one call in isolation."""

NOT_WHOLE = "it is too large to be read whole"

_log = logging.getLogger(__name__)

_CAUSES: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.TIMED_OUT: "reading took too long",
        Cause.CRASHED: "reading crashed",
        Cause.OUT_OF_MEMORY: "reading ran out of memory",
        Cause.RAISED: "reading failed",
    }
)


class MessageReader:
    """Gives a message as the checks see it. What is in it never makes this fail."""

    def __init__(self, blobs: Blobs, pool: IsolationPool) -> None:
        self._blobs = blobs
        self._pool = pool

    async def read(self, body: BodyRef, seconds: float) -> Message:
        """The message, read within about so many seconds, with what could not be read among its troubles."""
        content = await self._excerpt(body)
        message = await self.read_content(content, seconds)
        if body.size > len(content):
            message = replace(message, troubles=(NOT_WHOLE, *message.troubles))
        return replace(message, size=body.size)

    async def read_content(self, content: bytes, seconds: float) -> Message:
        """The same of a message, or the beginning of one, that is in memory."""
        return self._on_the_spot(content) or await self._isolated(content, seconds)

    async def read_head(self, body: BodyRef) -> Message:
        """Its header block alone."""
        return read_message(await self._bytes(body, 0, MOST_READ))

    def _on_the_spot(self, content: bytes) -> Message | None:
        """None for what is not read here."""
        if content.count(b"\n--") > MOST_BOUNDARY_LINES:
            return None
        try:
            found = survey(content)
            return read_whole(content, found) if found.is_light else None
        except Exception as error:  # a fault of our own, for which no mail shall wait
            _log.exception("a message could not be read")
            return replace(read_message(content), troubles=(f"its text: {type(error).__name__}",))

    async def _isolated(self, content: bytes, seconds: float) -> Message:
        """All of it; or without its attachments, or its header block, if that is what makes trouble."""
        until = time.monotonic() + seconds
        troubles: list[str] = []
        with Sheet.of(content) as sheet:
            for opened in (True, False):
                answer = await self._ask(sheet, opened, until - time.monotonic())
                if isinstance(answer, Message):
                    return replace(answer, troubles=(*troubles, *answer.troubles))
                troubles.append(f"{'its attachments' if opened else 'its text'}: {answer}")
        return replace(read_message(content), troubles=tuple(troubles))

    async def _ask(self, sheet: Sheet, opened: bool, seconds: float) -> Message | str:
        """The message, or why there is none."""
        if seconds <= 0:
            return _CAUSES[Cause.TIMED_OUT]
        try:
            answer = await self._pool.run(
                read_sheet, sheet, sheet.size, opened, timeout=min(seconds / 2, LONGEST_WAIT)
            )
        except TemporaryFailure as failure:
            return str(failure)
        return _CAUSES[answer.cause] if isinstance(answer, CouldNotCheck) else answer

    async def _excerpt(self, body: BodyRef) -> bytes:
        if body.size <= MOST_READ:
            return await self._bytes(body, 0, body.size)
        first = await self._bytes(body, 0, MOST_READ - LAST_READ)
        return first + b"\r\n" + await self._bytes(body, body.size - LAST_READ, body.size)

    async def _bytes(self, body: BodyRef, start: int, end: int) -> bytes:
        return b"".join([piece async for piece in self._blobs.chunks(body, start, min(end, body.size))])
