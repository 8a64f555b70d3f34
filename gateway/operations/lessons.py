"""What an operator can teach the spam filter: that a message is spam, or that it is good.

Lessons are of the site. They are read by the spam filter, wherever it runs, within seconds, and change
nothing about mail that was judged before. Nothing is ever learned that nobody said.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.headers import fields, header_end, named, text_value
from gateway.domain.lessons import LONGEST_TITLE, MOST_CONTENT, MOST_LESSONS, Lesson, Told, lesson_id
from gateway.domain.storage import StorageEntry
from gateway.records.port import LessonRecords
from gateway.storages.storages import Storages

LARGEST_PAGE = 500


@dataclass(frozen=True, slots=True)
class Teaching:
    """A lesson that could be taught, and what it would change."""

    lesson: Lesson
    content: bytes  # the beginning of the message
    before: Lesson | None  # what is known about the same message: this takes its place
    forgets: int  # of the oldest lessons, to make room

    @property
    def changes(self) -> bool:
        """Whether anything would be other than it is."""
        return self.before is None or self.before.told is not self.lesson.told


async def prepare(
    lessons: LessonRecords, message: bytes, told: Told, *, origin: str, by: str, now: datetime
) -> Teaching:
    """What teaching that `message` is spam or good would do; nothing is done yet.

    `origin` and `by` say where it came from and who says so, for people. Raises `ValueError` for an
    empty message.
    """
    content = message[:MOST_CONTENT]
    if not content.strip():
        raise ValueError("there is no message to learn from")
    lesson = Lesson(lesson_id(content), told, now, by, origin, _title(content))
    before = await lessons.find(lesson.id)
    room = MOST_LESSONS - await lessons.held() - (before is None)
    return Teaching(lesson, content, before, max(0, -room))


async def prepare_entry(
    lessons: LessonRecords, storages: Storages, entry: StorageEntry, told: Told, *, by: str, now: datetime
) -> Teaching:
    """The same for a message in a storage. `MissingFile` when somebody removed it by hand."""
    message = await _beginning(storages.message(entry))
    return await prepare(lessons, message, told, origin=f"{entry.storage} {entry.id}", by=by, now=now)


async def teach(lessons: LessonRecords, teaching: Teaching) -> None:
    """Do what was prepared: the filter learns it within seconds, or when it runs again."""
    if not teaching.changes:
        return
    await lessons.teach(teaching.lesson, teaching.content)
    await lessons.purge(MOST_LESSONS, teaching.lesson.told_at)


async def undo(lessons: LessonRecords, ids: Sequence[str], now: datetime) -> Sequence[str]:
    """Take lessons back, as if nobody had said anything: those that were there."""
    return [lesson for lesson in ids if await lessons.undo(lesson, now)]


async def list_lessons(
    lessons: LessonRecords, *, most: int = 100, after: str = ""
) -> tuple[Sequence[Lesson], str | None]:
    """The newest lessons, at most `most`, and the id to go on after; None when these are the last.

    `after` is such an id. `ValueError` when that lesson is not there any more.
    """
    place = await lessons.find(after) if after else None
    if after and place is None:
        raise ValueError(f"there is no lesson {after!r} to go on after")
    most = min(most, LARGEST_PAGE)
    found = await lessons.recent(most + 1, place)
    return found[:most], found[most - 1].id if len(found) > most else None


async def _beginning(chunks: AsyncIterable[bytes]) -> bytes:
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) >= MOST_CONTENT:
            break
    return bytes(content[:MOST_CONTENT])


def _title(content: bytes) -> str:
    head = content[: header_end(content)]
    subjects = (text_value(head, field) for field in named(fields(head), "Subject"))
    return next(subjects, "").replace("\0", "")[:LONGEST_TITLE]
