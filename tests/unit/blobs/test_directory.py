"""What is special about bodies in a directory: disks, folders and what dead processes leave."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path

import pytest

from gateway.blobs.directory import MOST_AT_ONCE, PIECE, DirectoryBlobs
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.mail import BodyRef


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[DirectoryBlobs]:
    opened = DirectoryBlobs(tmp_path / "bodies")
    yield opened
    await opened.close()


async def stored(blobs: DirectoryBlobs, content: bytes) -> BodyRef:
    writer = blobs.create("owner")
    await writer.write(content)
    return await writer.commit()


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_body_lies_in_the_folder_of_its_first_two_digits(
    blobs: DirectoryBlobs, tmp_path: Path
) -> None:
    body = await stored(blobs, b"hello")

    assert files_below(tmp_path) == [tmp_path / "bodies" / body.name[:2] / body.name]


async def test_only_the_gateway_may_read_a_body(blobs: DirectoryBlobs, tmp_path: Path) -> None:
    await stored(blobs, b"hello")

    assert [path.stat().st_mode & 0o777 for path in files_below(tmp_path)] == [0o600]


def test_a_root_that_is_no_directory_is_told_with_its_path_and_a_remedy(tmp_path: Path) -> None:
    root = tmp_path / "bodies"
    root.write_text("a file")

    with pytest.raises(ConfigError, match=rf"{root}.*a directory that its user may write to"):
        DirectoryBlobs(root)


def test_a_full_disk_at_opening_is_told_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing_with(errno.ENOSPC))

    with pytest.raises(ConfigError, match="free some room"):
        DirectoryBlobs(tmp_path / "bodies")


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("size", [1000, 3 * PIECE])
async def test_what_the_disk_refuses_is_a_temporary_failure_that_leaves_nothing(
    blobs: DirectoryBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int, size: int
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", failing_with(fault))
        with pytest.raises(TemporaryFailure, match=os.strerror(fault)):
            await stored(blobs, bytes(size))

    assert files_below(tmp_path) == []


async def test_room_that_was_made_is_used_again(
    blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", failing_with(errno.ENOSPC))
        with pytest.raises(TemporaryFailure):
            await stored(blobs, b"hello")

    body = await stored(blobs, b"hello")

    assert await blobs.read(body) == b"hello"


async def test_a_directory_that_is_away_is_a_temporary_failure(blobs: DirectoryBlobs, tmp_path: Path) -> None:
    body = await stored(blobs, b"hello")
    shutil.move(tmp_path / "bodies", tmp_path / "elsewhere")

    with pytest.raises(TemporaryFailure):
        await blobs.read(body)
    with pytest.raises(TemporaryFailure):
        await stored(blobs, b"hello")


async def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    incoming = tmp_path / "bodies" / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "young").touch()
    (incoming / "old").touch()
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(incoming / "old", (two_days_ago, two_days_ago))

    await DirectoryBlobs(tmp_path / "bodies").close()

    assert [path.name for path in incoming.iterdir()] == ["young"]


async def test_a_body_whose_writing_was_cancelled_can_be_aborted(
    blobs: DirectoryBlobs, tmp_path: Path
) -> None:
    writer = blobs.create("owner")
    await writer.write(bytes(2 * PIECE))
    writing = asyncio.create_task(writer.write(bytes(64 * PIECE)))
    await asyncio.sleep(0)
    writing.cancel()

    await writer.abort()

    assert files_below(tmp_path) == []


@pytest.mark.parametrize("fault", [errno.EAGAIN, errno.EOPNOTSUPP])
@pytest.mark.parametrize("size", [0, 1000, 3 * PIECE + 1])
async def test_what_is_not_known_to_be_in_memory_is_read_from_the_disk(
    blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch, fault: int, size: int
) -> None:
    content = os.urandom(size)
    body = await stored(blobs, content)
    monkeypatch.setattr(os, "preadv", failing_with(fault))

    whole = await blobs.read(body)
    chunks = [chunk async for chunk in blobs.chunks(body)]

    assert whole == content
    assert b"".join(chunks) == content


async def test_what_is_in_memory_in_part_is_read_whole(
    blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(2 * PIECE)
    body = await stored(blobs, content)
    monkeypatch.setattr(os, "preadv", reading_at_most(PIECE // 3))

    whole = await blobs.read(body)

    assert whole == content


async def test_more_than_may_be_read_at_once_is_read_in_a_thread(blobs: DirectoryBlobs) -> None:
    content = os.urandom(MOST_AT_ONCE + 1)
    body = await stored(blobs, content)

    whole = await blobs.read(body)

    assert whole == content


async def test_a_file_system_that_cannot_tell_memory_from_disk_is_asked_once(
    blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count()
    body = await stored(blobs, b"hello")
    monkeypatch.setattr(os, "preadv", lambda *_: failing_with(errno.EOPNOTSUPP)(next(asked)))

    for _ in range(3):
        await blobs.read(body)

    assert next(asked) == 1


async def test_what_the_disk_refuses_to_read_is_a_temporary_failure(
    blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = await stored(blobs, b"hello")
    monkeypatch.setattr(os, "preadv", failing_with(errno.EIO))

    with pytest.raises(TemporaryFailure, match=os.strerror(errno.EIO)):
        await blobs.read(body)


async def test_a_body_that_was_cut_short_is_a_temporary_failure(
    blobs: DirectoryBlobs, tmp_path: Path
) -> None:
    body = await stored(blobs, b"hello")
    os.truncate(tmp_path / "bodies" / body.name[:2] / body.name, 3)

    with pytest.raises(TemporaryFailure, match="ends after 3 of 5 bytes"):
        await blobs.read(body)


def reading_at_most(most: int) -> Callable[[int, list[bytearray], int, int], int]:
    real = os.preadv

    def preadv(descriptor: int, buffers: list[bytearray], offset: int, flags: int) -> int:
        return real(descriptor, [memoryview(buffers[0])[:most]], offset, flags)

    return preadv


def failing_with(fault: int) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise OSError(fault, os.strerror(fault))

    return fail
