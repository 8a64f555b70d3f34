"""Finds where the header of a message ends, and which of its lines are no fields.

Pure and incremental: the header comes in pieces cut anywhere but within a CRLF, and what is found never
depends on the cuts. Each byte is looked at a bounded number of times, however small the pieces are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.receiver.folding import LONGEST_LINE

MOST_UNDECIDED = 2 * LONGEST_LINE
"""Bytes that may have to come behind the end of a header before it is known to be the end."""

_NAME = rb"[!-9;-~]{1,500}+[ \t]{0,9}+:"
_FIELD = re.compile(_NAME)
_LINES = re.compile(rb"(?:(?:" + _NAME + rb"|[ \t])[^\n]*+\n)*+")

# What comes behind a line that is no field, when that line is not the beginning of the body: the rest of
# it, or one of the fields that are known. Text has lines with colons, too.
_GOES_ON = re.compile(
    rb"[ \t]|(?:arc-[a-z-]{1,40}|authentication-results|bcc|cc|content-[a-z-]{1,40}|date|delivered-to"
    rb"|dkim-signature|errors-to|from|importance|in-reply-to|list-[a-z-]{1,40}|message-id|mime-version"
    rb"|organization|priority|received(?:-spf)?|references|reply-to|resent-[a-z-]{1,40}|return-path|sender"
    rb"|subject|thread-[a-z]{1,40}|to|user-agent|x-[!-9;-~]{1,64})[ \t]?:",
    re.IGNORECASE,
)
_SHOWN_BY = 70
"""Bytes of a line by which it shows whether it is one of these."""


@dataclass(frozen=True, slots=True)
class Header:
    """A whole header."""

    block: bytes  # with its empty line, unless that is missing
    colons_missing: tuple[int, ...] = ()  # where lines begin that are no fields
    separator_missing: bool = False  # the body begins without an empty line before it


class HeaderBlock:
    """A header that is coming in."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._read = 0  # the lines up to here are fields, or were decided upon
        self._no_line_end_before = 0
        self._colons_missing: list[int] = []

    @property
    def size(self) -> int:
        """Bytes that came so far."""
        return len(self._bytes)

    def add(self, piece: bytes) -> tuple[Header, bytes] | None:
        """The header and what follows it; None when more is needed to say."""
        self._bytes += piece
        return self._parted(at_end=False)

    def end(self) -> tuple[Header, bytes]:
        """The same, when no more comes."""
        return self._parted(at_end=True) or self._part(len(self._bytes))

    def _parted(self, *, at_end: bool) -> tuple[Header, bytes] | None:
        while True:
            end = self._next_line_end()
            if end < 0:
                return self._parted_before_the_end(at_end=at_end)
            if self._bytes.startswith(b"\r\n", self._read):
                return self._part(end + 1)
            following = self._bytes[end + 1 : end + 1 + _SHOWN_BY]
            if not at_end and len(following) < _SHOWN_BY and b"\n" not in following:
                return None
            if end - self._read > LONGEST_LINE + 1 or not _GOES_ON.match(following):
                return self._part(self._read, separator_missing=True)
            self._colons_missing.append(self._read)
            self._read = end + 1

    def _next_line_end(self) -> int:
        """Pass over all lines that are fields; the end of the line behind them, -1 if it is not there yet."""
        end = self._line_end()
        if end < 0 or (self._read == 0 and self._bytes[0] in b" \t"):  # nothing is there to be continued
            return end
        fields = _LINES.match(self._bytes, self._read)
        if fields is not None and fields.end() > self._read:
            self._read = fields.end()
            end = self._line_end()
        return end

    def _line_end(self) -> int:
        end = self._bytes.find(b"\n", max(self._read, self._no_line_end_before))
        if end < 0:
            self._no_line_end_before = len(self._bytes)
        return end

    def _parted_before_the_end(self, *, at_end: bool) -> tuple[Header, bytes] | None:
        """What can be said of a line that has no end yet."""
        beginning = self._bytes[self._read : self._read + LONGEST_LINE + 1]
        if not beginning or not (at_end or len(beginning) > LONGEST_LINE):
            return None
        if _FIELD.match(beginning) or (self._read and beginning[0] in b" \t"):
            return None
        return self._part(self._read, separator_missing=True)

    def _part(self, at: int, *, separator_missing: bool = False) -> tuple[Header, bytes]:
        header = Header(bytes(self._bytes[:at]), tuple(self._colons_missing), separator_missing)
        return header, bytes(self._bytes[at:])
