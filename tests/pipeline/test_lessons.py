"""What an operator teaches, through the whole gateway: it counts for the next message, without a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_bytes

import pytest
import pytest_asyncio

from gateway.domain.lessons import LessonState, Told
from gateway.operations.lessons import prepare, teach, undo
from gateway.runtime.clock import utc_now
from tests.support.embedded import Embedded, embedded
from tests.support.samples import plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGE = plain(
    "Garden furniture",
    b"Our wooden chairs and benches are made by hand in a small workshop near the river, and every one of "
    b"them is oiled twice before it leaves the house. Come and see them any weekday from nine to five.\r\n",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    async with embedded(tmp_path_factory.mktemp("site")) as running:
        yield running


async def status_of(gateway: Embedded, message: bytes) -> str:
    received = await gateway.send(message)
    return str(message_from_bytes(received.body)["X-SpamTest-Status"])


async def taught(gateway: Embedded, told: Told) -> str:
    lessons = gateway.gateway.records.lessons
    teaching = await prepare(lessons, MESSAGE, told, origin="test", by="operator", now=utc_now())
    await teach(lessons, teaching)
    return teaching.lesson.id


async def becomes(gateway: Embedded, status: str) -> None:
    """Return when the message, sent again and again, gets that status."""
    while await status_of(gateway, MESSAGE) != status:
        pass


async def test_a_message_is_spam_once_it_was_taught_and_good_when_that_is_taken_back(
    gateway: Embedded,
) -> None:
    assert await status_of(gateway, MESSAGE) == "Not detected"

    lesson = await taught(gateway, Told.SPAM)
    await becomes(gateway, "Spam")

    assert await undo(gateway.gateway.records.lessons, [lesson], utc_now()) == [lesson]
    await becomes(gateway, "Not detected")


async def test_a_lesson_is_read_and_its_message_let_go(gateway: Embedded) -> None:
    lessons = gateway.gateway.records.lessons
    lesson = await taught(gateway, Told.GOOD)

    async def state() -> LessonState | None:
        found = await lessons.find(lesson)
        return found.state if found else None

    while await state() is not LessonState.LEARNED:
        await gateway.send(plain("hello"))

    assert await lessons.unread(9) == []
