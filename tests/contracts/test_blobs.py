"""What every place for bodies promises, asked of each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.blobs.directory import DirectoryBlobs
from gateway.blobs.memory import MemoryBlobs
from gateway.blobs.port import Blobs, MissingBody
from gateway.blobs.s3 import open_s3
from gateway.domain.mail import BodyRef
from tests.support.s3 import S3Server, s3_server

OWNER = "ab12cd34567890"
LARGE = bytes(range(256)) * 4 * 1024 * 11  # 11 MB: more than two parts of an upload


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["memory", "directory", "s3"])
async def blobs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Blobs]:
    opened: Blobs
    match request.param:
        case "memory":
            opened = MemoryBlobs()
        case "directory":
            opened = DirectoryBlobs(tmp_path / "bodies")
        case _:
            server: S3Server = request.getfixturevalue("s3")
            for name, value in server.environment.items():
                monkeypatch.setenv(name, value)
            opened = await open_s3(server.bucket, prefix=tmp_path.name, endpoint=server.endpoint)
    yield opened
    await opened.close()


async def stored(blobs: Blobs, content: bytes, owner: str = OWNER, piece: int = 300_000) -> BodyRef:
    writer = blobs.create(owner)
    for start in range(0, len(content), piece):
        await writer.write(content[start : start + piece])
    return await writer.commit()


async def all_names(blobs: Blobs) -> list[str]:
    return [name async for name in blobs.names(datetime.now(UTC) + timedelta(hours=1))]


@pytest.mark.parametrize("content", [b"", b"Subject: hi\r\n\r\nhi\r\n", LARGE[:700_001], LARGE], ids=len)
async def test_what_is_read_is_what_was_written(blobs: Blobs, content: bytes) -> None:
    body = await stored(blobs, content)

    assert await blobs.read(body) == content
    assert body.size == len(content)


async def test_a_name_is_the_digest_and_the_owner(blobs: Blobs) -> None:
    body = await stored(blobs, b"hello")

    assert body.name == f"{sha256(b'hello').hexdigest()}-{OWNER}"
    assert body.digest == sha256(b"hello").hexdigest()


@pytest.mark.parametrize(
    ("start", "end"), [(0, None), (5, 6), (100_000, 600_000), (699_990, None), (10, 10), (0, 9_999_999)]
)
async def test_chunks_are_the_bytes_from_start_to_end(blobs: Blobs, start: int, end: int | None) -> None:
    content = LARGE[:700_001]
    body = await stored(blobs, content)

    chunks = [chunk async for chunk in blobs.chunks(body, start, end)]

    assert b"".join(chunks) == content[start:end]
    assert b"" not in chunks


async def test_chunks_that_are_left_early_do_no_harm(blobs: Blobs) -> None:
    body = await stored(blobs, LARGE[:700_001])

    async for _ in blobs.chunks(body):
        break

    assert await blobs.read(body) == LARGE[:700_001]


@pytest.mark.parametrize("size", [1000, len(LARGE)])
async def test_nothing_is_visible_before_the_commit(blobs: Blobs, size: int) -> None:
    writer = blobs.create(OWNER)
    await writer.write(LARGE[:size])

    assert await all_names(blobs) == []
    await writer.abort()


@pytest.mark.parametrize("size", [0, 1000, 700_001, len(LARGE)])
async def test_an_aborted_body_leaves_nothing(blobs: Blobs, size: int) -> None:
    writer = blobs.create(OWNER)
    for start in range(0, size, 300_000):
        await writer.write(LARGE[start : min(size, start + 300_000)])

    await writer.abort()

    assert await all_names(blobs) == []


@pytest.mark.parametrize("size", [1000, len(LARGE)])
async def test_an_abort_after_the_commit_is_harmless(blobs: Blobs, size: int) -> None:
    writer = blobs.create(OWNER)
    await writer.write(LARGE[:size])
    body = await writer.commit()

    await writer.abort()

    assert await blobs.read(body) == LARGE[:size]


async def test_a_body_that_is_stored_twice_for_one_owner_is_one_body(blobs: Blobs) -> None:
    first = await stored(blobs, b"hello")
    second = await stored(blobs, b"hello")

    assert first == second
    assert await all_names(blobs) == [first.name]


async def test_removing_the_body_of_one_owner_leaves_that_of_another(blobs: Blobs) -> None:
    first = await stored(blobs, b"hello", owner="first")
    second = await stored(blobs, b"hello", owner="second")

    await blobs.remove(first.name)

    assert await blobs.read(second) == b"hello"
    assert await all_names(blobs) == [second.name]


async def test_removing_what_is_not_there_is_harmless(blobs: Blobs) -> None:
    body = await stored(blobs, b"hello")

    await blobs.remove(body.name)
    await blobs.remove(body.name)

    assert await all_names(blobs) == []


@pytest.mark.parametrize("size", [0, 5])
async def test_a_body_that_is_not_there_is_missing(blobs: Blobs, size: int) -> None:
    nowhere = BodyRef(f"{'0' * 64}-{OWNER}", size)

    with pytest.raises(MissingBody):
        await blobs.read(nowhere)
    with pytest.raises(MissingBody):
        await anext(blobs.chunks(nowhere))


async def test_names_are_those_of_bodies_that_are_old_enough(blobs: Blobs) -> None:
    await stored(blobs, b"hello")

    older = [name async for name in blobs.names(datetime.now(UTC) - timedelta(hours=1))]

    assert older == []


async def test_many_bodies_are_stored_at_once(blobs: Blobs) -> None:
    contents = [f"message {number}".encode() for number in range(64)]

    bodies = await asyncio.gather(*(stored(blobs, content) for content in contents))

    assert [await blobs.read(body) for body in bodies] == contents
    assert sorted(await all_names(blobs)) == sorted(body.name for body in bodies)


async def test_room_is_told_in_bytes_or_not_at_all(blobs: Blobs) -> None:
    free = await blobs.free_bytes()

    assert free is None or free > 0
