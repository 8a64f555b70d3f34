"""The return codes of the gateway's processes (manual, appendix A.8)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process tells whoever started it. Codes after 48 are the gateway's own."""

    STARTED = 0  # or stopped as asked
    BAD_OPTIONS = 1
    SYSTEM_ERROR = 30
    PID_FILE_EXISTS = 41
    PID_FILE_NOT_CREATED = 42
    NO_DAEMON = 43
    OWNER_NOT_CHANGED = 44
    NO_SIGNAL_HANDLER = 45
    STREAMS_NOT_CLOSED = 46
    STREAMS_NOT_REDIRECTED = 47
    ENGINE_NOT_READY = 48  # above all: the directory for temporary files cannot be written
    BAD_CONFIG = 49
    NO_LICENCE = 50
    NO_BASES = 51
    NO_SPAM_FILTER = 52


class StartFailure(Exception):
    """The gateway cannot start. The text is the one line for the operator; `code` is what to exit with."""

    def __init__(self, code: ExitCode, line: str) -> None:
        super().__init__(line)
        self.code = code
