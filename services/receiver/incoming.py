"""What a client sends, taken apart: command lines, and the bytes of messages.

Pure and incremental. Bytes come in chunks cut anywhere, and the result never depends on the cuts. All
work on bytes is done by single calls over whole chunks, never byte by byte or line by line.
"""

from __future__ import annotations

import re
from enum import Enum

MOST_LINE_BYTES = 2048
"""Bytes of a command line without its end: 512 (RFC 5321 §4.5.3.1.4) and room for all parameters."""

_END_OF_DATA = b"\r\n.\r\n"
_DOT_LINE = re.compile(rb"\r\n\.")  # a pattern: in text without a match it takes 0.4 of bytes.find's time
_BEGUN_ENDS = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")  # what may become the end of data, longest first


class Unusable(Enum):
    """Why a command line is answered but never acted on."""

    TOO_LONG = "too long"
    BARE_LINE_END = "a CR or LF that is not part of CRLF"


class CommandLines:
    """Parts what a client sends into command lines.

    A line ends at CRLF. One that holds a bare CR or LF is unusable up to its CRLF, since another server
    may have read it as two: what follows the bare LF is no command (SMTP smuggling). It is reported at
    once all the same, for a client that never sends a CR would wait for ever.
    """

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0
        self._skipping = False

    def add(self, chunk: bytes) -> None:
        """Take what the client sent."""
        self._bytes = self._bytes[self._at :] + chunk
        self._at = 0

    def next(self) -> bytes | Unusable | None:
        """The next command without its CRLF; None when more is needed to say."""
        if self._skipping and not self._skipped():
            return None

        end = self._bytes.find(b"\n", self._at)
        if end < 0:
            return self._unended()
        line = self._bytes[self._at : end]
        self._at = end + 1
        ended = line.endswith(b"\r")
        self._skipping = not ended
        if len(line) - ended > MOST_LINE_BYTES:
            return Unusable.TOO_LONG
        if not ended or line.find(b"\r") < len(line) - 1:
            return Unusable.BARE_LINE_END
        return line[:-1]

    def rest(self) -> bytes:
        """All that was not taken as a line: it is no command but the beginning of message data."""
        rest = self._bytes[self._at :]
        self._bytes, self._at = b"", 0
        return rest

    @property
    def empty(self) -> bool:
        """Whether nothing is left that the client sent."""
        return self._at == len(self._bytes)

    def _skipped(self) -> bool:
        """Pass over an unusable line; whether its end was met."""
        end = self._bytes.find(b"\r\n", self._at)
        if end < 0:
            self._at = len(self._bytes) - self._bytes.endswith(b"\r")
            return False
        self._at = end + 2
        self._skipping = False
        return True

    def _unended(self) -> Unusable | None:
        if len(self._bytes) - self._at <= MOST_LINE_BYTES + 1:  # its CR may be there already
            return None
        self._skipping = True
        self._skipped()
        return Unusable.TOO_LONG


class MessageData:
    """Takes a message out of what a client sends after DATA (RFC 5321 §4.5.2).

    Only CRLF.CRLF ends the data, where the first CRLF may be that of the DATA command. Dot-stuffing is
    undone on lines begun by CRLF and on no others. Bytes come out as they were meant, right or wrong:
    `mending` makes a conformant message of them.
    """

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""  # what came after the end: the client's next commands
        # The CRLF of the DATA command begins the first line. It is not part of the message.
        self._held = b"\r\n"
        self._not_ours = 2

    def take(self, chunk: bytes) -> bytes:
        """The bytes of the message that are certain now. Not to be called once `ended`."""
        sent = self._held + chunk
        # One search answers both questions for most pieces: few lines of mail begin with a dot, and base64
        # has none at all.
        dot_line = _DOT_LINE.search(sent) if b"." in sent else None
        end = sent.find(_END_OF_DATA, dot_line.start()) if dot_line else -1
        stuffed = dot_line is not None and dot_line.start() != end
        if end >= 0:
            self.ended = True
            self.rest = sent[end + len(_END_OF_DATA) :]
            sent = sent[: end + 2]
        else:
            # No CRLF and no line begun by one is cut in two.
            self._held = next((begun for begun in _BEGUN_ENDS if sent.endswith(begun)), b"")
            sent = sent[: len(sent) - len(self._held)]

        message = sent.replace(b"\r\n.", b"\r\n") if stuffed else sent
        if self._not_ours and message:
            message, self._not_ours = message[self._not_ours :], 0
        return message
