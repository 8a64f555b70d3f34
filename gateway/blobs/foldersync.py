"""fsync of folders, one for all who wait for the same folder.

A rename is only safe when its folder is (`man 2 fsync`), and many commits rename into one folder at
once. Whoever comes while a folder is being synced joins the next sync, which starts after their rename.
"""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import Future
from pathlib import Path
from threading import Lock


class FolderSync:
    """Shares fsyncs of folders between threads."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._next: dict[str, Future[None]] = {}
        self._one_at_a_time: defaultdict[str, Lock] = defaultdict(Lock)

    def sync(self, folder: str) -> None:
        """Return when all that was renamed into `folder` before this call is on stable storage."""
        with self._guard:
            shared = self._next.get(folder)
            leads = shared is None
            if shared is None:
                shared = self._next[folder] = Future()
            turn = self._one_at_a_time[folder]

        if leads:
            with turn:
                with self._guard:
                    del self._next[folder]
                _sync_for_all(folder, shared)
        shared.result()


def sync_folder(folder: str | Path) -> None:
    """Bring the names in `folder` to stable storage."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_for_all(folder: str, waiting: Future[None]) -> None:
    try:
        sync_folder(folder)
    except OSError as error:
        waiting.set_exception(error)
    else:
        waiting.set_result(None)
