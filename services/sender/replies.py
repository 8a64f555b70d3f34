"""What servers answer: the grammar of SMTP replies (RFC 5321 §4.2), strictly and within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_LINE = 2048
"""Bytes of one line. The standard allows 512 (RFC 5321 §4.5.3.1.5); some servers have more to say."""
MOST_LINES = 128
"""Lines of one reply."""

_LINE = re.compile(rb"([2-5][0-5][0-9])(?:([ -])([^\x00\r\n]*))?")
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


class BadReply(Exception):
    """What came is no SMTP reply, so nobody knows what the server means: hang up."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, its lines without code and line end."""

    code: int
    lines: tuple[str, ...]

    @property
    def positive(self) -> bool:
        """The command was carried out."""
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        """The command will never be carried out."""
        return self.code >= 500

    @property
    def enhanced(self) -> str:
        """The code of RFC 3463, "" when there is none that fits the reply (RFC 2034 §4)."""
        found = _ENHANCED.match(self.lines[0])
        return found[1] if found and found[1][0] == str(self.code)[0] else ""

    @property
    def text(self) -> str:
        """The words of all lines, without the enhanced codes that they begin with."""
        code = self.enhanced
        if not code:
            return " ".join(self.lines)
        return " ".join(line.removeprefix(code).lstrip() for line in self.lines)


class ReplyReader:
    """Cuts replies out of what a server sends, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""
        self._code = 0
        self._lines: list[str] = []

    @property
    def pending(self) -> bool:
        """Whether a reply has begun and not ended."""
        return bool(self._rest or self._lines)

    def feed(self, chunk: bytes) -> Iterator[Reply]:
        """The replies that `chunk` completes. Raises `BadReply` behind those that were good."""
        *lines, self._rest = (self._rest + chunk).split(b"\r\n")
        for line in lines:
            reply = self._read(line)
            if reply:
                yield reply
        if len(self._rest) > LONGEST_LINE:
            raise BadReply("a line of the reply does not end")

    def _read(self, line: bytes) -> Reply | None:
        found = _LINE.fullmatch(line)
        if found is None or len(line) > LONGEST_LINE:
            raise BadReply(f"not a reply: {line[:80].decode('ascii', 'replace')!r}")
        code = int(found[1])
        if self._lines and code != self._code:
            raise BadReply(f"a reply that begins with {self._code} goes on with {code}")
        if len(self._lines) == MOST_LINES:
            raise BadReply(f"a reply of more than {MOST_LINES} lines")

        self._code = code
        self._lines.append((found[3] or b"").decode("utf-8", "replace"))
        if found[2] == b"-":
            return None
        reply = Reply(code, tuple(self._lines))
        self._lines = []
        return reply
