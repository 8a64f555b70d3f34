"""Bytes that the service shares with its confined processes, so that large ones need not be sent to them."""

from __future__ import annotations

import fcntl
import os
from types import TracebackType
from typing import Self

_UNCHANGEABLE = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class Sheet:
    """A file in memory without a name: it is gone when the last process that has it open lets go of it.

    As an argument of a call in isolation it arrives open in the process there, without a copy of its bytes,
    which nobody can change any more.
    """

    def __init__(self, descriptor: int) -> None:
        """Own an open file; `Sheet.of` makes a new one."""
        self.descriptor = descriptor

    @classmethod
    def of(cls, *pieces: bytes) -> Self:
        """A new one with these bytes. `OSError` where there is no room for them."""
        sheet = cls(os.memfd_create("sheet", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        try:
            for piece in pieces:
                left = memoryview(piece)
                while left:
                    left = left[os.write(sheet.descriptor, left) :]
            fcntl.fcntl(sheet.descriptor, fcntl.F_ADD_SEALS, _UNCHANGEABLE)
        except OSError:
            sheet.close()
            raise
        return sheet

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`, as far as there are any."""
        return os.pread(self.descriptor, max(end - start, 0), start)

    def close(self) -> None:
        """Let go of it. Harmless a second time."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
