from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.lessons import LONGEST_TITLE, MOST_CONTENT, MOST_LESSONS, Told
from gateway.operations.lessons import list_lessons, prepare, teach, undo
from tests.support.lessons import NOON, MemoryLessons, a_lesson

MESSAGE = b"Subject: an offer\r\n\r\nbuy\r\n"


async def taught(lessons: MemoryLessons, count: int) -> None:
    for number in range(count):
        lesson = a_lesson(b"%d" % number, at=NOON + timedelta(seconds=number))
        await lessons.teach(lesson, b"%d" % number)


async def test_preparing_says_what_would_change_and_changes_nothing() -> None:
    lessons = MemoryLessons()

    teaching = await prepare(lessons, MESSAGE, Told.SPAM, origin="upload", by="ann", now=NOON)

    assert (teaching.changes, teaching.before, teaching.forgets) == (True, None, 0)
    assert (teaching.lesson.title, teaching.lesson.told_by) == ("an offer", "ann")
    assert await lessons.held() == 0


async def test_what_is_said_twice_changes_nothing() -> None:
    lessons = MemoryLessons()
    await teach(lessons, await prepare(lessons, MESSAGE, Told.SPAM, origin="", by="ann", now=NOON))
    number = lessons.number

    again = await prepare(lessons, MESSAGE, Told.SPAM, origin="", by="bob", now=NOON)
    await teach(lessons, again)

    assert not again.changes
    assert lessons.number == number


async def test_when_all_room_is_used_the_oldest_lesson_is_forgotten() -> None:
    lessons = MemoryLessons()
    await taught(lessons, MOST_LESSONS)
    [*_, oldest] = await lessons.recent(MOST_LESSONS)

    teaching = await prepare(lessons, MESSAGE, Told.GOOD, origin="", by="ann", now=NOON + timedelta(days=1))
    await teach(lessons, teaching)

    assert teaching.forgets == 1
    assert await lessons.held() == MOST_LESSONS
    assert await lessons.find(oldest.id) is None


async def test_of_a_large_message_the_beginning_is_learned() -> None:
    message = b"Subject: " + b"x" * 500 + b"\r\n\r\n" + b"a" * (2 * MOST_CONTENT)

    teaching = await prepare(MemoryLessons(), message, Told.SPAM, origin="", by="ann", now=NOON)

    assert (len(teaching.content), len(teaching.lesson.title)) == (MOST_CONTENT, LONGEST_TITLE)


async def test_there_is_nothing_to_learn_from_nothing() -> None:
    with pytest.raises(ValueError, match="no message"):
        await prepare(MemoryLessons(), b" \r\n", Told.SPAM, origin="", by="ann", now=NOON)


async def test_lessons_are_listed_page_by_page() -> None:
    lessons = MemoryLessons()
    await taught(lessons, 5)

    first, after = await list_lessons(lessons, most=3)
    rest, end = await list_lessons(lessons, most=3, after=after or "")

    assert [lesson.told_at.second for lesson in (*first, *rest)] == [4, 3, 2, 1, 0]
    assert end is None
    with pytest.raises(ValueError, match="no lesson 'gone'"):
        await list_lessons(lessons, after="gone")


async def test_undoing_tells_what_was_there() -> None:
    lessons = MemoryLessons()
    await taught(lessons, 1)
    [lesson] = await lessons.recent(1)

    assert await undo(lessons, [lesson.id, "gone"], NOON) == [lesson.id]
