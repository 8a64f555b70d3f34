from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from gateway.blobs.carrying import CarryingBlobs
from gateway.blobs.memory import MemoryBlobs
from gateway.blobs.port import Blobs, MissingBody
from gateway.domain.mail import BodyRef

MOST = 100


async def stored(blobs: Blobs, content: bytes, piece: int = 40) -> BodyRef:
    writer = blobs.create("owner")
    for start in range(0, len(content), piece):
        await writer.write(content[start : start + piece])
    return await writer.commit()


async def names(blobs: Blobs) -> list[str]:
    return [name async for name in blobs.names(datetime.now(UTC) + timedelta(hours=1))]


@pytest.mark.parametrize("size", [0, 1, MOST, MOST + 1, 5 * MOST])
async def test_what_is_read_is_what_was_written(size: int) -> None:
    blobs = CarryingBlobs(MemoryBlobs(), MOST)
    content = bytes(range(256))[:size] * (size // 256 + 1)

    body = await stored(blobs, content)

    assert await blobs.read(body) == content
    assert (body.size, body.digest) == (len(content), sha256(content).hexdigest())


async def test_a_small_body_is_in_its_reference_alone() -> None:
    kept = MemoryBlobs()

    body = await stored(CarryingBlobs(kept, MOST), b"x" * MOST)

    assert body.carried == b"x" * MOST
    assert await names(kept) == []


async def test_a_large_body_is_kept_and_not_carried() -> None:
    kept = MemoryBlobs()
    blobs = CarryingBlobs(kept, MOST)

    body = await stored(blobs, b"x" * (MOST + 1))

    assert body.carried is None
    assert await names(blobs) == [body.name]
    assert await kept.read(body) == b"x" * (MOST + 1)


@pytest.mark.parametrize("size", [MOST, 3 * MOST])
@pytest.mark.parametrize(("start", "end"), [(0, None), (5, 6), (90, 500), (10, 10)])
async def test_chunks_are_the_bytes_from_start_to_end(size: int, start: int, end: int | None) -> None:
    content = bytes(number % 251 for number in range(size))
    blobs = CarryingBlobs(MemoryBlobs(), MOST)
    body = await stored(blobs, content)

    chunks = [chunk async for chunk in blobs.chunks(body, start, end)]

    assert b"".join(chunks) == content[start:end]
    assert b"" not in chunks


@pytest.mark.parametrize("size", [MOST, 3 * MOST])
async def test_an_aborted_body_leaves_nothing(size: int) -> None:
    blobs = CarryingBlobs(MemoryBlobs(), MOST)
    writer = blobs.create("owner")
    await writer.write(b"x" * size)

    await writer.abort()

    assert await names(blobs) == []


async def test_a_carried_body_outlives_its_removal() -> None:
    blobs = CarryingBlobs(MemoryBlobs(), MOST)
    body = await stored(blobs, b"small")

    await blobs.remove(body.name)

    assert await blobs.read(body) == b"small"


async def test_a_body_that_is_neither_carried_nor_kept_is_missing() -> None:
    with pytest.raises(MissingBody):
        await CarryingBlobs(MemoryBlobs()).read(BodyRef("none-owner", 5))
