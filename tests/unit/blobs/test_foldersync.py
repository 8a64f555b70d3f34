from __future__ import annotations

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from gateway.blobs.foldersync import FolderSync


def test_a_sync_that_started_after_the_call_has_ended_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = count()
    syncs: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fsync", noting(syncs, tick.__next__))
    folder_sync = FolderSync()

    def call() -> tuple[int, int]:
        began = next(tick)
        folder_sync.sync(str(tmp_path))
        return began, next(tick)

    with ThreadPoolExecutor(8) as threads:
        calls = [call.result() for call in [threads.submit(call) for _ in range(200)]]

    assert all(
        any(began < started and ended < returned for started, ended in syncs) for began, returned in calls
    )
    assert len(syncs) <= len(calls)


def test_a_sync_that_failed_is_told_and_the_next_one_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_sync = FolderSync()

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            folder_sync.sync(str(tmp_path))

    folder_sync.sync(str(tmp_path))


def noting(syncs: list[tuple[int, int]], tick: Callable[[], int]) -> Callable[[int], None]:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        started = tick()
        real(descriptor)
        syncs.append((started, tick()))

    return fsync
