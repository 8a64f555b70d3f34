"""What every place for the files of storages promises, asked of each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.blobs.s3 import open_s3
from gateway.domain.errors import TemporaryFailure
from gateway.storages.bucket import BucketPlace
from gateway.storages.directory import DirectoryPlace
from gateway.storages.memory import MemoryPlace
from gateway.storages.place import MissingFile, Place
from tests.support.s3 import S3Server, s3_server

LARGE = bytes(range(256)) * 4 * 1024 * 11  # 11 MB: more than two parts of an upload
SIZES = [0, 1, 700_001, len(LARGE)]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["memory", "directory", "s3"])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    opened: Place
    match request.param:
        case "memory":
            opened = MemoryPlace()
        case "directory":
            opened = DirectoryPlace()
        case _:
            server: S3Server = request.getfixturevalue("s3")
            for name, value in server.environment.items():
                monkeypatch.setenv(name, value)
            opened = BucketPlace(await open_s3(server.bucket, prefix="bodies", endpoint=server.endpoint))
    yield opened
    await opened.close()


@pytest.fixture
def name(tmp_path: Path) -> str:
    return f"{tmp_path}/arch_in/2026-03-02/AbCdEfGh12345.eml"


async def pieces(content: bytes, size: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def cut_off(content: bytes) -> AsyncIterator[bytes]:
    async for piece in pieces(content):
        yield piece
    raise TemporaryFailure("the bodies are away")


async def read(place: Place, name: str, start: int = 0) -> bytes:
    return b"".join([chunk async for chunk in place.chunks(name, start)])


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_read_is_what_was_written(place: Place, name: str, size: int) -> None:
    await place.write(name, pieces(LARGE[:size]), size)

    assert await read(place, name) == LARGE[:size]


@pytest.mark.parametrize("start", [1, 300_000, 700_000])
async def test_chunks_begin_where_they_are_wanted_from(place: Place, name: str, start: int) -> None:
    await place.write(name, pieces(LARGE[:700_001]), 700_001)

    assert await read(place, name, start) == LARGE[start:700_001]


async def test_a_file_that_is_there_is_replaced(place: Place, name: str) -> None:
    await place.write(name, pieces(b"first"), 5)
    await place.write(name, pieces(b"second"), 6)

    assert await read(place, name) == b"second"


@pytest.mark.parametrize("size", [5, len(LARGE)])
async def test_a_file_that_was_not_finished_leaves_what_was_there(place: Place, name: str, size: int) -> None:
    await place.write(name, pieces(b"first"), 5)

    with pytest.raises(TemporaryFailure, match="the bodies are away"):
        await place.write(name, cut_off(LARGE[:size]), len(LARGE))

    assert await read(place, name) == b"first"


async def test_a_file_that_is_not_there_is_missing(place: Place, name: str) -> None:
    with pytest.raises(MissingFile):
        await read(place, name)
    with pytest.raises(MissingFile):
        await read(place, name, 10)


async def test_a_file_that_was_removed_is_missing_and_others_stay(place: Place, name: str) -> None:
    await place.write(name, pieces(b"first"), 5)
    await place.write(f"{name}.eml", pieces(b"second"), 6)

    await place.remove(name)
    await place.remove(name)

    with pytest.raises(MissingFile):
        await read(place, name)
    assert await read(place, f"{name}.eml") == b"second"


async def test_files_come_and_go_in_one_folder_at_once(place: Place, name: str) -> None:
    async def come_and_go(number: int) -> None:
        mine = f"{name}.{number}"
        for _ in range(5):
            await place.write(mine, pieces(b"hello"), 5)
            assert await read(place, mine) == b"hello"
            await place.remove(mine)

    await asyncio.gather(*(come_and_go(number) for number in range(16)))

    with pytest.raises(MissingFile):
        await read(place, f"{name}.0")


async def test_a_storage_that_was_prepared_keeps_files(place: Place, tmp_path: Path) -> None:
    await place.prepare(f"{tmp_path}/quarantine/av")
    await place.write(f"{tmp_path}/quarantine/av/file", pieces(b"hello"), 5)

    assert await read(place, f"{tmp_path}/quarantine/av/file") == b"hello"
