"""Reads the lessons that wait, and keeps up with those of all processes: the shell around `Learned`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.domain.errors import TemporaryFailure
from gateway.records.port import LessonRecords
from services.antispam.database.tokens import tokens_of
from services.antispam.learning.features import features_of, pack
from services.antispam.learning.learned import Learned, after
from services.antispam.message import Message

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""So soon a lesson is known to all processes; a look is one small question."""

READ_AT_ONCE = 10

CHANGES_AT_ONCE = 500

LEAST_WORDS = 5
"""A message with fewer says nothing that could be learned."""


class Learner:
    """The lessons in this process."""

    def __init__(
        self,
        lessons: LessonRecords,
        read: Callable[[bytes], Awaitable[Message]],
        *,
        pause: float = LOOK_SECONDS,
    ) -> None:
        """`read` gives what a person sees of a message, within a bounded time."""
        self._lessons = lessons
        self._read = read
        self._pause = pause
        self.learned = Learned()

    async def follow(self) -> None:
        """Keep up with what is taught and taken back, until cancelled."""
        while True:
            try:
                await self.look()
            except TemporaryFailure as trouble:
                log.debug("lessons cannot be looked at now: %s", trouble)
            await asyncio.sleep(self._pause)

    async def look(self) -> bool:
        """Read what waits and take up what changed; True when there was anything."""
        before = self.learned
        while waiting := await self._lessons.unread(READ_AT_ONCE):
            for lesson, content in waiting:
                await self._read_lesson(lesson, content)
        while changes := await self._lessons.changes(self.learned.number, CHANGES_AT_ONCE):
            self.learned, unreadable = await asyncio.to_thread(after, self.learned, changes)
            for lesson in unreadable:
                log.warning("the lesson %s is of another version: teach it again", lesson)
        if self.learned is before:
            return False
        log.info("lessons: %d, up to change %d", len(self.learned.lessons), self.learned.number)
        return True

    async def _read_lesson(self, lesson: str, content: bytes) -> None:
        """What several processes read at once, they read alike."""
        try:
            message = await self._read(content)
            tokens = await asyncio.to_thread(tokens_of, message.words or "\n".join(message.subjects))
        except TemporaryFailure:
            raise
        except Exception as fault:
            # A lesson that cannot be read must not keep the others from being read.
            log.exception("the lesson %s cannot be read", lesson)
            await self._lessons.read(lesson, b"", f"the message cannot be read ({type(fault).__name__})")
            return
        if len(set(tokens)) < LEAST_WORDS:
            await self._lessons.read(lesson, b"", "the message has too few words to learn from")
        else:
            await self._lessons.read(lesson, pack(features_of(tokens)), "")
