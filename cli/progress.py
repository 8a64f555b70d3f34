"""A progress bar in the last line of a terminal, which steps aside for other lines."""

from __future__ import annotations

import logging
import shutil
import sys
from typing import TextIO

BAR_WIDTH = 24


class ProgressBar:
    """Shows how much of a file has come. Without a terminal it shows nothing."""

    def __init__(self, terminal: TextIO | None) -> None:
        self._terminal = terminal
        self._shown = ""

    def told(self, name: str, here: int, size: int) -> None:
        """So many bytes of a file are here."""
        line = progress_line(name, here, size, shutil.get_terminal_size().columns)
        if self._terminal is None or line == self._shown:
            return
        self._shown = line
        self._terminal.write(f"\r\x1b[K{line}")
        self._terminal.flush()

    def clear(self) -> None:
        """Give the line to who wants to write there."""
        if self._terminal and self._shown:
            self._terminal.write("\r\x1b[K")
        self._shown = ""

    def handler(self) -> logging.Handler:
        """Writes lines of a log to standard output, and has the bar step aside."""
        return _Beside(self)


def progress_line(name: str, here: int, size: int, columns: int) -> str:
    """` 42 % [==========              ] av/rules.yarx`, not longer than the terminal is wide."""
    share = here / size if size else 1.0
    bar = "=" * int(share * BAR_WIDTH)
    return f"{int(share * 100):3} % [{bar:{BAR_WIDTH}}] {name}"[: columns - 1]


class _Beside(logging.StreamHandler[TextIO]):
    def __init__(self, bar: ProgressBar) -> None:
        super().__init__(sys.stdout)
        self._bar = bar

    def emit(self, record: logging.LogRecord) -> None:
        self._bar.clear()
        super().emit(record)
