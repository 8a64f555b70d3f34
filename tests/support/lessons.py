"""Lessons in memory, as the records keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gateway.domain.lessons import Lesson, LessonChange, LessonState, Told, lesson_id

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_lesson(
    message: bytes = b"Subject: hi\r\n\r\nhi", told: Told = Told.SPAM, at: datetime = NOON
) -> Lesson:
    return Lesson(lesson_id(message), told, at, "operator", "hi.eml", "hi")


@dataclass
class _Kept:
    lesson: Lesson
    number: int
    content: bytes | None
    features: bytes | None = None


@dataclass
class MemoryLessons:
    """What was taught, until the test ends."""

    kept: dict[str, _Kept] = field(default_factory=dict)
    number: int = 0

    async def teach(self, lesson: Lesson, content: bytes) -> None:
        self.kept[lesson.id] = _Kept(lesson, self._next(), content)

    async def find(self, lesson_id: str) -> Lesson | None:
        return next((lesson for lesson in self._held() if lesson.id == lesson_id), None)

    async def recent(self, most: int, before: Lesson | None = None) -> Sequence[Lesson]:
        place = (before.told_at, before.id) if before else None
        return [lesson for lesson in self._held() if place is None or (lesson.told_at, lesson.id) < place][
            :most
        ]

    async def held(self) -> int:
        return len(self._held())

    async def undo(self, lesson_id: str, now: datetime) -> bool:
        if await self.find(lesson_id) is None:
            return False
        self.kept[lesson_id] = replace(self.kept[lesson_id], number=self._next(), content=None, features=None)
        return True

    async def unread(self, most: int) -> Sequence[tuple[str, bytes]]:
        waiting = [(kept.number, name, kept.content) for name, kept in self.kept.items() if kept.content]
        return [(name, content) for _, name, content in sorted(waiting)][:most]

    async def read(self, lesson_id: str, features: bytes, failure: str) -> None:
        kept = self.kept[lesson_id]
        if kept.content is not None:
            lesson = replace(kept.lesson, failure=failure)
            self.kept[lesson_id] = _Kept(lesson, self._next(), None, features)

    async def changes(self, after: int, most: int) -> Sequence[LessonChange]:
        found = [
            LessonChange(kept.number, name, kept.lesson.told, kept.features)
            for name, kept in self.kept.items()
            if kept.number > after
        ]
        return sorted(found, key=lambda change: change.number)[:most]

    async def purge(self, most: int, now: datetime) -> int:
        gone = self._held()[most:]
        for lesson in gone:
            await self.undo(lesson.id, now)
        return len(gone)

    def _held(self) -> list[Lesson]:
        held = [
            replace(kept.lesson, state=_state(kept))
            for kept in self.kept.values()
            if kept.content is not None or kept.features is not None
        ]
        return sorted(held, key=lambda lesson: (lesson.told_at, lesson.id), reverse=True)

    def _next(self) -> int:
        self.number += 1
        return self.number


def _state(kept: _Kept) -> LessonState:
    if kept.content is not None:
        return LessonState.WAITS
    return LessonState.FAILED if kept.lesson.failure else LessonState.LEARNED
