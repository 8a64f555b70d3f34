from __future__ import annotations

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.domain.mail import Edit
from services.sender.content import LARGEST_WHOLE, content_of
from tests.support.mails import a_mail


@pytest.mark.parametrize("lines", [1, LARGEST_WHOLE])
async def test_the_wire_carries_what_was_added_and_changed(lines: int) -> None:
    blobs = MemoryBlobs()
    writer = blobs.create("AbCdEfGh12345")
    await writer.write(b"Subject: old\r\n\r\n" + b"a\r\n" * lines)
    mail = a_mail(body=await writer.commit(), top=b"X-Mark: 1\r\n", edits=(Edit(9, 12, b".new"),))

    content = await content_of(mail, blobs)

    wire = b"".join([chunk async for chunk in content.wire()])
    assert wire == b"X-Mark: 1\r\nSubject: .new\r\n\r\n" + b"a\r\n" * lines + b".\r\n"
    assert content.size == len(wire) - 3


@pytest.mark.parametrize(("body", "eight_bit"), [(b"plain\r\n", False), (b"caf\xe9\r\n", True)])
async def test_eight_bits_are_seen(body: bytes, eight_bit: bool) -> None:
    blobs = MemoryBlobs()
    writer = blobs.create("AbCdEfGh12345")
    await writer.write(body)

    content = await content_of(a_mail(body=await writer.commit()), blobs)

    assert content.eight_bit is eight_bit
