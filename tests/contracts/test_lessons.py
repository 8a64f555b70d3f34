"""What the records promise about lessons, asked of both databases and of the stand-in that tests use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.lessons import LessonChange, LessonState, Told
from gateway.records.port import LessonRecords
from gateway.records.postgres import open_postgres
from gateway.records.sqlite import open_sqlite
from tests.support.lessons import NOON, MemoryLessons, a_lesson
from tests.support.postgres import execute

ONE, TWO, THREE = (
    a_lesson(f"message {number}".encode(), at=NOON + timedelta(minutes=number)) for number in range(3)
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def lessons(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LessonRecords]:
    match request.param:
        case "memory":
            yield MemoryLessons()
        case "sqlite":
            opened = await open_sqlite(tmp_path / "records.db")
            yield opened.lessons
            await opened.close()
        case _:
            url = request.getfixturevalue("postgres")
            opened = await open_postgres(url)
            execute(url, "TRUNCATE lessons, lesson_clock")
            yield opened.lessons
            await opened.close()


async def taught(lessons: LessonRecords) -> None:
    for number, lesson in enumerate((ONE, TWO, THREE)):
        await lessons.teach(lesson, f"message {number}".encode())


async def test_a_lesson_waits_until_it_was_read(lessons: LessonRecords) -> None:
    await lessons.teach(ONE, b"message 0")

    assert await lessons.find(ONE.id) == ONE
    assert await lessons.unread(9) == [(ONE.id, b"message 0")]

    await lessons.read(ONE.id, b"\x00\xff", "")

    found = await lessons.find(ONE.id)
    assert found
    assert found.state is LessonState.LEARNED
    assert await lessons.unread(9) == []


async def test_a_lesson_of_which_nothing_could_be_made_says_why(lessons: LessonRecords) -> None:
    await lessons.teach(ONE, b"message 0")

    await lessons.read(ONE.id, b"", "it says too little")

    found = await lessons.find(ONE.id)
    assert found
    assert (found.state, found.failure) == (LessonState.FAILED, "it says too little")


async def test_changes_are_told_in_order_behind_the_last_that_was_seen(lessons: LessonRecords) -> None:
    await taught(lessons)
    for lesson in (TWO, ONE, THREE):
        await lessons.read(lesson.id, lesson.id.encode(), "")
    await lessons.undo(ONE.id, NOON)

    changes = await lessons.changes(0, 9)

    assert [(change.id, change.features) for change in changes] == [
        (TWO.id, TWO.id.encode()),
        (THREE.id, THREE.id.encode()),
        (ONE.id, None),
    ]
    assert await lessons.changes(changes[0].number, 1) == [changes[1]]
    assert await lessons.changes(changes[-1].number, 9) == []


async def test_what_is_taken_back_is_not_there_any_more(lessons: LessonRecords) -> None:
    await lessons.teach(ONE, b"message 0")

    assert await lessons.undo(ONE.id, NOON)

    assert await lessons.find(ONE.id) is None
    assert (await lessons.unread(9), await lessons.held()) == ([], 0)
    assert not await lessons.undo(ONE.id, NOON)
    await lessons.read(ONE.id, b"late", "")
    assert await lessons.find(ONE.id) is None


async def test_who_says_otherwise_of_a_message_replaces_the_lesson(lessons: LessonRecords) -> None:
    other = a_lesson(b"message 0", Told.GOOD, NOON + timedelta(hours=1))
    await lessons.teach(ONE, b"message 0")
    await lessons.read(ONE.id, b"features", "")

    await lessons.teach(other, b"message 0")

    assert (await lessons.find(ONE.id), await lessons.held()) == (other, 1)
    [change] = await lessons.changes(0, 9)
    assert (change.told, change.features) == (Told.GOOD, None)


async def test_what_was_taken_back_can_be_taught_again(lessons: LessonRecords) -> None:
    await lessons.teach(ONE, b"message 0")
    await lessons.undo(ONE.id, NOON)

    await lessons.teach(ONE, b"message 0")

    assert await lessons.find(ONE.id) == ONE
    assert await lessons.unread(9) == [(ONE.id, b"message 0")]


async def test_lessons_are_listed_from_the_newest_on(lessons: LessonRecords) -> None:
    await taught(lessons)

    assert await lessons.recent(2) == [THREE, TWO]
    assert await lessons.recent(2, TWO) == [ONE]


async def test_beyond_the_most_the_oldest_are_forgotten(lessons: LessonRecords) -> None:
    await taught(lessons)
    before = (await lessons.changes(0, 9))[-1].number

    assert await lessons.purge(1, NOON) == 2

    assert await lessons.recent(9) == [THREE]
    gone = await lessons.changes(before, 9)
    assert all(isinstance(change, LessonChange) and change.features is None for change in gone)
    assert {change.id for change in gone} == {ONE.id, TWO.id}
    assert len({change.number for change in gone}) == 2
    assert await lessons.purge(1, NOON) == 0


@pytest.mark.parametrize("days", [0, 2])
async def test_what_was_taken_back_is_told_for_a_day(tmp_path: Path, days: int) -> None:
    async with _sqlite(tmp_path) as lessons:
        await lessons.teach(ONE, b"message 0")
        await lessons.undo(ONE.id, NOON)

        await lessons.purge(9, NOON + timedelta(days=days))

        assert len(await lessons.changes(0, 9)) == (0 if days else 1)


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[LessonRecords]:
    opened = await open_sqlite(folder / "records.db")
    yield opened.lessons
    await opened.close()
