"""The lines of the log as JSON, for programs that collect the logs of containers.

An object on each line, in ASCII, with the fields `time` (UTC, RFC 3339), `level`, `letter`, `process`, `part`
(of the program) and `message`, with `mail_id` and `event` where it is about a mail, and `trace` where there
is a traceback. The message is that of the text: one grammar for both.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

NAMES: Mapping[str, str] = MappingProxyType(
    {"F": "fatal", "E": "error", "W": "warning", "I": "info", "A": "activity", "D": "debug"}
)
"""What the levels are called, by their letters."""

_EVENT = re.compile(r"[A-Z]{3,20}(?=, )")


class JsonLines(logging.Formatter):
    """Makes a JSON object of each record. Escaped, no value can end its line."""

    def __init__(self, letter: Callable[[int], str]) -> None:
        """`letter` is that of a level."""
        super().__init__()
        self._letter = letter

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        shown, message = self._letter(record.levelno), record.getMessage()
        second = datetime.fromtimestamp(int(record.created), UTC)
        told: dict[str, object] = {
            "time": f"{second:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z",
            "level": NAMES[shown],
            "letter": shown,
            "process": record.process,
            "part": record.name,
        }
        if mail_id := getattr(record, "mail_id", ""):
            told["mail_id"] = mail_id
        if record.name == "gateway.mail" and (event := _EVENT.match(message)):
            told["event"] = event[0]
        told["message"] = message
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told)
