"""The log of a process: the manual's levels, letters and line forms on the standard library's logging.

Two line forms (reference, section 9.5):

    [date time letter] envelope-id: MESSAGE      about a mail: the record has the field `mail_id`
    [date time letter]: MESSAGE                  about anything else
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from logging.handlers import WatchedFileHandler
from types import MappingProxyType
from typing import TextIO

from gateway.config.sections.log import LogFormat
from gateway.config.settings import Settings
from gateway.domain.errors import ConfigError
from gateway.runtime.jsonlines import JsonLines

ACTIVITY = 15
"""What happens to mail: above debug, below the news about the gateway itself."""

LEVELS: Mapping[int, int] = MappingProxyType(
    {
        0: logging.CRITICAL,
        1: logging.ERROR,
        2: logging.WARNING,
        3: logging.INFO,
        4: ACTIVITY,
        9: logging.DEBUG,
    }
)
"""`LogLevel` and the level of the standard library that it lets through, with all above."""

SYSLOG = "syslog"
"""The `LogFilename` that stands for the system log."""

_LOOKED_FOR_EVERY = 1.0
"""Seconds after which the log is looked for under its name again, since a rotation may have moved it away."""

_LETTERS = ((logging.CRITICAL, "F"), (logging.ERROR, "E"), (logging.WARNING, "W"), (logging.INFO, "I"))
_SYSLOG_SEVERITIES = {"F": 2, "E": 3, "W": 4, "I": 6, "A": 6, "D": 7}  # RFC 5424 §6.2.1
_SYSLOG_MAIL_FACILITY = 2
_SYSLOG_SOCKET = "/dev/log"
_LONGEST_SYSLOG_LINE = 8192

_OURS = ("gateway", "services", "cli", "__main__")
_UNHEARD = ("aiormq",)  # says with tracebacks what our own lines about the broker say better
_SILENT = logging.CRITICAL + 1


def start_logging_by(settings: Settings) -> None:
    """Begin to log as the configuration says. Raises `ConfigError` when the place cannot be written to."""
    start_logging(
        settings.options.log_filename,
        settings.options.log_level,
        date_format=settings.locale.date_format,
        time_format=settings.locale.time_format,
        as_json=settings.log.format is LogFormat.JSON,
    )


def start_logging(
    filename: str,
    level: int,
    *,
    date_format: str,
    time_format: str,
    as_json: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Begin to log to `filename` what `level` (0, 1, 2, 3, 4 or 9) lets through.

    `as_json` makes an object of each line (`gateway/runtime/jsonlines.py`).

    The file is opened anew within a second after a rotation moved it away. `syslog` is the system log, ""
    logs nothing. Libraries are heard from a warning on, whatever the level: they would drown the mail. May
    be called again with other values. Raises `ConfigError` when the place cannot be written to.
    """
    handler, stamp_format = _opened(filename, f"{date_format} {time_format} ", clock)
    handler.setFormatter(JsonLines(letter) if as_json else Lines(stamp_format))
    threshold = LEVELS[level] if filename else _SILENT

    root = logging.getLogger()
    for former in root.handlers[:]:
        if isinstance(former, _PLACES):
            root.removeHandler(former)
            former.close()
    root.addHandler(handler)

    logging.addLevelName(ACTIVITY, "ACTIVITY")
    root.setLevel(max(threshold, logging.WARNING))
    for name in _OURS:
        logging.getLogger(name).setLevel(threshold)
    for name in _UNHEARD:
        logging.getLogger(name).setLevel(_SILENT)


class Lines(logging.Formatter):
    """Makes lines of records: one physical line each, and an indented traceback where there is one."""

    def __init__(self, stamp_format: str) -> None:
        super().__init__()
        self._stamp_format = stamp_format
        self._second = -1
        self._stamp = ""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, and those of its traceback."""
        text = f"{self._head(record)}: {one_line(record.getMessage())}"
        if not record.exc_info:
            return text
        # Indented: no text of an exception can look like a line of the log.
        trace = self.formatException(record.exc_info).splitlines()
        return "\n    ".join([text, *(one_line(line) for line in trace)])

    def _head(self, record: logging.LogRecord) -> str:
        second = int(record.created)
        if second != self._second and self._stamp_format:
            self._second, self._stamp = second, time.strftime(self._stamp_format, time.localtime(second))
        mail_id = getattr(record, "mail_id", "")
        return f"[{self._stamp}{letter(record.levelno)}]{' ' if mail_id else ''}{mail_id}"


def letter(level: int) -> str:
    """The letter of the log for a level of the standard library."""
    for least, shown in _LETTERS:
        if level >= least:
            return shown
    return "A" if level >= ACTIVITY else "D"


def one_line(text: str) -> str:
    """The text with a `?` for whatever could end the line, or change how a terminal shows it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "?" for char in text)


class _File(WatchedFileHandler):
    """A file that is opened anew when it was moved away, and whose loss never stops mail."""

    _failed = False
    _complained = False

    def __init__(self, filename: str, clock: Callable[[], float]) -> None:
        super().__init__(filename, encoding="utf-8", errors="backslashreplace")
        self._clock = clock
        self._looked_at = clock()

    def emit(self, record: logging.LogRecord) -> None:
        self._failed = False
        try:
            super().emit(record)
        except OSError:  # it was moved away and cannot be opened anew
            self.handleError(record)
        self._complained = self._failed

    def reopenIfNeeded(self) -> None:  # noqa: N802 - the library's name
        now = self._clock()
        if now - self._looked_at >= _LOOKED_FOR_EVERY:
            self._looked_at = now
            super().reopenIfNeeded()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        self._failed = True
        if not self._complained:
            _complain(f"log file {self.baseFilename} cannot be written now ({sys.exc_info()[1]})")


class _Stream(logging.StreamHandler[TextIO]):
    """Standard output or error: not reopened by name, which a socket or another owner would refuse."""


class _Syslog(logging.Handler):
    """The system log. A line that it does not take at once is lost: mail does not wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._socket = self._connected()

    def emit(self, record: logging.LogRecord) -> None:
        priority = _SYSLOG_MAIL_FACILITY * 8 + _SYSLOG_SEVERITIES[letter(record.levelno)]
        line = f"<{priority}>smtpgw[{os.getpid()}]: {self.format(record)}"
        datagram = line.encode(errors="backslashreplace")[:_LONGEST_SYSLOG_LINE]
        try:
            self._socket.send(datagram)
        except BlockingIOError:
            return
        except OSError:  # it was started anew
            self._send_anew(datagram)

    def close(self) -> None:
        self._socket.close()
        super().close()

    def _send_anew(self, datagram: bytes) -> None:
        try:
            self._socket.close()
            self._socket = self._connected()
            self._socket.send(datagram)
        except OSError as problem:
            _complain(f"the system log does not answer ({problem})")

    @staticmethod
    def _connected() -> socket.socket:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        opened.setblocking(False)
        try:
            opened.connect(_SYSLOG_SOCKET)
        except OSError:
            opened.close()
            raise
        return opened


class _Nothing(logging.NullHandler):
    """No log at all."""


_PLACES = (_File, _Stream, _Syslog, _Nothing)
_STANDARD_STREAMS = {"/dev/stdout": "stdout", "/dev/stderr": "stderr"}


def _opened(filename: str, stamp_format: str, clock: Callable[[], float]) -> tuple[logging.Handler, str]:
    """Where lines go, and how they are stamped there."""
    if not filename:
        return _Nothing(), ""
    if filename in _STANDARD_STREAMS:
        return _Stream(getattr(sys, _STANDARD_STREAMS[filename])), stamp_format
    if filename == SYSLOG:
        return _opened_syslog(), ""  # it stamps the lines itself
    return _opened_file(filename, clock), stamp_format


def _opened_file(filename: str, clock: Callable[[], float]) -> logging.Handler:
    try:
        return _File(filename, clock)
    except OSError as problem:
        raise ConfigError(
            f"log file {filename} cannot be opened ({problem.strerror}): let the gateway's user write there,"
            " or name another file in LogFilename of [smtpgw.options]"
        ) from problem


def _opened_syslog() -> logging.Handler:
    try:
        return _Syslog()
    except OSError as problem:
        raise ConfigError(
            f"the system log at {_SYSLOG_SOCKET} cannot be opened ({problem.strerror}): start a system log,"
            " or name a file in LogFilename of [smtpgw.options]"
        ) from problem


def _complain(text: str) -> None:
    if sys.stderr is not None:
        print(f"smtpgw: {text}", file=sys.stderr)
