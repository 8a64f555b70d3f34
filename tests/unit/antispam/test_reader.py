from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.runtime.isolation import IsolationPool
from services.antispam import reader as reader_module
from services.antispam.message import Message
from services.antispam.reader import MOST_READ, NOT_WHOLE, MessageReader
from tests.unit.antispam.test_worker import a_mail

HEAD = b"Subject: hello\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
LONG = b"Subject: hello\r\n\r\n" + b"many words of a long text\r\n" * 4000


def crashes(*_: object) -> Message:
    os.kill(os.getpid(), signal.SIGKILL)
    return Message()


def crashes_at_attachments(sheet: object, size: int, opened: bool) -> Message:
    if opened:
        os.kill(os.getpid(), signal.SIGKILL)
    return Message(text="what it says")


def hangs(*_: object) -> Message:
    while True:
        pass


@pytest.fixture
async def pool() -> AsyncIterator[IsolationPool]:
    pool = IsolationPool(processes=1)
    yield pool
    await pool.close()


async def read(raw: bytes, pool: IsolationPool, seconds: float = 60.0) -> Message:
    blobs = MemoryBlobs()
    mail = await a_mail(blobs, raw)
    return await MessageReader(blobs, pool).read(mail.body, seconds)


async def test_a_small_text_is_read_on_the_spot(pool: IsolationPool) -> None:
    message = await read(b"Subject: hello\r\n\r\na few words\r\n", pool)

    assert (message.text, message.size, message.troubles) == ("a few words", 31, ())
    assert pool._idle == []


async def test_a_long_text_is_read_in_isolation(pool: IsolationPool) -> None:
    message = await read(LONG, pool)

    assert message.text.count("many words") == 4000
    assert message.subjects == ("hello",)
    assert len(pool._idle) == 1


async def test_text_behind_a_large_attachment_is_read(pool: IsolationPool) -> None:
    attachment = b"--b\r\nContent-Type: application/x-any\r\n\r\n" + b"A" * 2 * MOST_READ + b"\r\n"
    text = b"--b\r\n\r\nwords behind it\r\n--b--\r\n"

    message = await read(HEAD + attachment + text, pool)

    assert message.text == "words behind it"
    assert message.size > 2 * MOST_READ
    assert message.troubles == (NOT_WHOLE,)


async def test_when_attachments_crash_their_reader_the_text_is_read_without_them(
    pool: IsolationPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "read_sheet", crashes_at_attachments)

    message = await read(LONG, pool)

    assert message.text == "what it says"
    assert message.troubles == ("its attachments: reading crashed",)


@pytest.mark.parametrize(
    ("reading", "seconds", "trouble"),
    [(crashes, 60.0, "reading crashed"), (hangs, 0.6, "reading took too long")],
)
async def test_when_nothing_can_be_read_the_header_still_is(
    pool: IsolationPool, monkeypatch: pytest.MonkeyPatch, reading: object, seconds: float, trouble: str
) -> None:
    monkeypatch.setattr(reader_module, "read_sheet", reading)

    message = await read(LONG, pool, seconds)

    assert message.subjects == ("hello",)
    assert message.text == ""
    assert message.troubles == (f"its attachments: {trouble}", f"its text: {trouble}")
