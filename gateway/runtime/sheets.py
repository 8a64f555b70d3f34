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
    which nobody can change once they are sealed.
    """

    def __init__(self, descriptor: int) -> None:
        """Own an open file; `of` and `blank` make new ones."""
        self.descriptor = descriptor

    @classmethod
    def of(cls, content: bytes) -> Self:
        """A new one with these bytes. `OSError` where there is no room for them."""
        sheet = cls.blank()
        try:
            sheet.write(content)
            sheet.seal()
        except OSError:
            sheet.close()
            raise
        return sheet

    @classmethod
    def blank(cls) -> Self:
        """A new one without bytes, to be written and sealed."""
        return cls(os.memfd_create("sheet", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))

    def write(self, piece: bytes) -> None:
        """Add bytes at the end. `OSError` where there is no room for them."""
        left = memoryview(piece)
        while left:
            left = left[os.write(self.descriptor, left) :]

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return os.fstat(self.descriptor).st_size

    def seal(self) -> None:
        """From now on nobody can change it."""
        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _UNCHANGEABLE)

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
