from __future__ import annotations

import asyncio

from gateway.domain.errors import TemporaryFailure
from gateway.domain.lessons import LessonState, Told
from services.antispam.learning.learner import Learner
from services.antispam.message import Message, read_message
from tests.support.lessons import NOON, MemoryLessons, a_lesson
from tests.support.waiting import until

TEXT = b"Subject: one two three four five six\r\n\r\n"
OTHER = b"Subject: you have been chosen for a prize\r\n\r\n"


async def read(content: bytes) -> Message:
    if content.startswith(b"broken"):
        raise ValueError("what is this?")
    return read_message(content)


async def taught(lessons: MemoryLessons, content: bytes, told: Told = Told.SPAM) -> str:
    lesson = a_lesson(content, told)
    await lessons.teach(lesson, content)
    return lesson.id


async def state_of(lessons: MemoryLessons, lesson: str) -> tuple[LessonState, str]:
    found = await lessons.find(lesson)
    assert found
    return found.state, found.failure


async def test_a_lesson_is_read_and_taken_up_by_all_processes() -> None:
    lessons = MemoryLessons()
    one, two = Learner(lessons, read), Learner(lessons, read)
    lesson = await taught(lessons, TEXT)

    assert await one.look()
    assert await two.look()

    assert list(one.learned.lessons) == list(two.learned.lessons) == [lesson]
    assert await state_of(lessons, lesson) == (LessonState.LEARNED, "")


async def test_what_is_taken_back_is_forgotten_without_a_restart() -> None:
    lessons = MemoryLessons()
    learner = Learner(lessons, read)
    lesson = await taught(lessons, TEXT)
    await learner.look()

    await lessons.undo(lesson, NOON)
    await learner.look()

    assert not learner.learned.lessons


async def test_while_nothing_changes_nothing_is_made_anew() -> None:
    lessons = MemoryLessons()
    learner = Learner(lessons, read)
    await taught(lessons, TEXT)
    await learner.look()
    before = learner.learned

    assert not await learner.look()
    assert learner.learned is before


async def test_a_message_that_says_too_little_or_cannot_be_read_keeps_no_other_back() -> None:
    lessons = MemoryLessons()
    learner = Learner(lessons, read)
    short, broken, whole = [
        await taught(lessons, content) for content in (b"Subject: hi\r\n\r\n", b"broken", OTHER)
    ]

    await learner.look()

    assert await state_of(lessons, short) == (
        LessonState.FAILED,
        "the message has too few words to learn from",
    )
    assert await state_of(lessons, broken) == (
        LessonState.FAILED,
        "the message cannot be read (ValueError)",
    )
    assert list(learner.learned.lessons) == [whole]


async def test_what_follows_goes_on_when_the_records_come_back() -> None:
    class AwayAtFirst(MemoryLessons):
        asked = 0

        async def unread(self, most: int) -> list[tuple[str, bytes]]:
            self.asked += 1
            if self.asked == 1:
                raise TemporaryFailure("away")
            return list(await super().unread(most))

    lessons = AwayAtFirst()
    learner = Learner(lessons, read, pause=0.01)
    lesson = await taught(lessons, TEXT)

    following = asyncio.create_task(learner.follow())
    await until(lambda: lesson in learner.learned.lessons)

    following.cancel()
