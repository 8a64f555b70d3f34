"""What operators taught the spam filter, numbered so that every process finds what it has not seen yet.

All changes count on one row, which holds the others up until the change is stored. So a number that can be
seen means that all lower ones can be seen too, whoever wrote them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Executable, bindparam, delete, func, null, or_, select, update

from gateway.domain.lessons import Lesson, LessonChange, LessonState, Told
from gateway.records.attempts import AnyRow, Attempts
from gateway.records.database import Database
from gateway.records.schema import lesson_clock, lessons, micros, moment

REMEMBERED = timedelta(days=1)
"""What was taken back is told so long, to processes that could not ask meanwhile."""

UNDONE_AT_ONCE = 100
"""Lessons that are taken back in one transaction: it is short, since others who write wait for it."""

_KEPT = ("told", "told_at", "told_by", "origin", "title", "content")


class SqlLessons:
    """Lessons in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attempts = Attempts(database)
        tick = database.dialect.insert(lesson_clock).values(id=1, number=1)
        self._tick = tick.on_conflict_do_update(
            index_elements=["id"], set_={"number": lesson_clock.c.number + 1}
        )
        told = database.dialect.insert(lessons).values(
            id=bindparam("id"),
            number=_NOW,
            **{name: bindparam(name) for name in _KEPT},
            features=null(),
            failure="",
            removed=False,
        )
        self._teach = told.on_conflict_do_update(
            index_elements=["id"],
            set_={name: told.excluded[name] for name in (*_KEPT, "number", "features", "failure", "removed")},
        )

    async def teach(self, lesson: Lesson, content: bytes) -> None:
        """Remember a lesson, to be read: in place of an older one about the same message."""
        await self._attempts.change(
            (self._tick, {}),
            (
                self._teach,
                {
                    "id": lesson.id,
                    "told": lesson.told,
                    "told_at": micros(lesson.told_at),
                    "told_by": lesson.told_by,
                    "origin": lesson.origin,
                    "title": lesson.title,
                    "content": content,
                },
            ),
        )

    async def find(self, lesson_id: str) -> Lesson | None:
        """One lesson that was not taken back."""
        rows = await self._attempts.read(_ONE, {"lesson": lesson_id})
        return next(map(_lesson, rows), None)

    async def recent(self, most: int, before: Lesson | None = None) -> Sequence[Lesson]:
        """The newest lessons that were not taken back; those behind `before` in that order if it is given."""
        if before is None:
            rows = await self._attempts.read(_NEWEST, {"most": most})
        else:
            place = {"most": most, "told_at": micros(before.told_at), "lesson": before.id}
            rows = await self._attempts.read(_OLDER, place)
        return [_lesson(row) for row in rows]

    async def held(self) -> int:
        """How many there are that were not taken back."""
        [(count,)] = await self._attempts.read(_HELD)
        return int(count)

    async def undo(self, lesson_id: str, now: datetime) -> bool:
        """Take a lesson back; False when there is none."""
        if await self.find(lesson_id) is None:
            return False
        await self._undo([lesson_id], now)
        return True

    async def unread(self, most: int) -> Sequence[tuple[str, bytes]]:
        """The oldest lessons that wait to be read: their ids and messages."""
        rows = await self._attempts.read(_UNREAD, {"most": most})
        return [(row.id, bytes(row.content)) for row in rows]

    async def read(self, lesson_id: str, features: bytes, failure: str) -> None:
        """What was made of a lesson, `failure` if nothing; its message is let go."""
        made = {"lesson": lesson_id, "made": features, "why": failure}
        await self._attempts.change((self._tick, {}), (_READ, made))

    async def changes(self, after: int, most: int) -> Sequence[LessonChange]:
        """What was learned and what was taken back behind that change, in order."""
        rows = await self._attempts.read(_CHANGES, {"after": after, "most": most})
        return [
            LessonChange(
                row.number, row.id, Told(row.told), None if row.features is None else bytes(row.features)
            )
            for row in rows
        ]

    async def purge(self, most: int, now: datetime) -> int:
        """Take back all but the newest `most`, and forget what was taken back long ago; how many."""
        purged = 0
        while rows := await self._attempts.read(_BEYOND, {"most": most, "some": UNDONE_AT_ONCE}):
            await self._undo([row.id for row in rows], now)
            purged += len(rows)
        await self._attempts.change((_FORGET, {"before": micros(now - REMEMBERED)}))
        return purged

    async def _undo(self, ids: Sequence[str], now: datetime) -> None:
        at = micros(now)
        # A number each, so that who follows can go on behind any of them.
        steps: list[tuple[tuple[Executable, dict[str, object]], ...]] = [
            ((self._tick, {}), (_UNDO, {"lesson": gone, "at": at})) for gone in ids
        ]
        await self._attempts.change(*(change for step in steps for change in step))


def _lesson(row: AnyRow) -> Lesson:
    return Lesson(
        row.id,
        Told(row.told),
        moment(row.told_at),
        row.told_by,
        row.origin,
        row.title,
        LessonState.WAITS if row.waits else LessonState.FAILED if row.failure else LessonState.LEARNED,
        row.failure,
    )


_NOW = select(lesson_clock.c.number).scalar_subquery()
_is_held = lessons.c.removed.is_(False)

_shown = select(
    *(lessons.c[name] for name in ("id", "told", "told_at", "told_by", "origin", "title", "failure")),
    lessons.c.content.is_not(None).label("waits"),
).where(_is_held)
_ONE = _shown.where(lessons.c.id == bindparam("lesson"))
_NEWEST = _shown.order_by(lessons.c.told_at.desc(), lessons.c.id.desc()).limit(bindparam("most"))
_OLDER = _NEWEST.where(
    or_(
        lessons.c.told_at < bindparam("told_at"),
        (lessons.c.told_at == bindparam("told_at")) & (lessons.c.id < bindparam("lesson")),
    )
)
_HELD = select(func.count()).select_from(lessons).where(_is_held)
_UNREAD = (
    select(lessons.c.id, lessons.c.content)
    .where(lessons.c.content.is_not(None))
    .order_by(lessons.c.number)
    .limit(bindparam("most"))
)
_READ = (
    update(lessons)
    .where(lessons.c.id == bindparam("lesson"), lessons.c.content.is_not(None))
    .values(number=_NOW, content=None, features=bindparam("made"), failure=bindparam("why"))
)
_UNDO = (
    update(lessons)
    .where(lessons.c.id == bindparam("lesson"))
    .values(number=_NOW, told_at=bindparam("at"), content=None, features=None, removed=True)
)
_CHANGES = (
    select(lessons.c.number, lessons.c.id, lessons.c.told, lessons.c.features)
    .where(lessons.c.number > bindparam("after"))
    .order_by(lessons.c.number, lessons.c.id)
    .limit(bindparam("most"))
)
_BEYOND = (
    select(lessons.c.id)
    .where(_is_held)
    .order_by(lessons.c.told_at.desc(), lessons.c.id.desc())
    .offset(bindparam("most"))
    .limit(bindparam("some"))
)
_FORGET = delete(lessons).where(lessons.c.removed.is_(True), lessons.c.told_at < bindparam("before"))
