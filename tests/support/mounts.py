"""File systems that only one command sees: full ones, and such as cannot be written."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MOUNT = 'mount -t tmpfs -o "$0" none "$1" && shift && exec "$@"'
_PIECE = bytes(1 << 16)


def with_mount(folder: Path, options: str) -> tuple[str, ...]:
    """The beginning of a command to which `folder` is a file system in memory: `ro`, or `size=8m`."""
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    return ("unshare", "--mount", *as_root, "sh", "-c", _MOUNT, options, str(folder))


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system at `folder`, as the process `pid` sees it."""

    pid: int
    folder: Path

    def fill(self) -> None:
        """Take all the room there is."""
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while True:
                filler.write(_PIECE)
        # What is left of the last piece.
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while filler.write(b"."):
                pass

    def clear(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return Path(f"/proc/{self.pid}/root", *self.folder.parts[1:], "filler")
