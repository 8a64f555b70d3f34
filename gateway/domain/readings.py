"""The other readings of a message: what programs see that read broken mail otherwise than `mime` does.

A header field that is given twice, a boundary that begins another, an encoding with comments in it: each
program has its way, and what one of them would show has to be looked at. So at every place where readers may
part, all ways are gone. The parts that come out beside those of `mime` are for looking at only: what becomes
of a message is decided by its one structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gateway.domain import parameters, transfer
from gateway.domain.headers import MOST_HEADER_BYTES, header_end
from gateway.domain.mime import MESSAGES, Part, between_boundaries, take_apart

MOST_PLACES = 500
"""Places that are found anew in one message, before it counts as one that nobody can read."""
MOST_BYTES = 32 << 20
"""Bytes that are gone through anew, a place in a place counted twice."""
MOST_DEPTH = 50
MOST_PARTS = 5_000
MOST_BOUNDARIES = 8
"""Boundaries of one part that are tried."""

TOO_MANY_READINGS = "it can be read in too many ways"

_CONTENT_FIELD = re.compile(
    rb"^[^\w\n]?content[-_ ](type|transfer[-_ ]encoding)[^\n:\w]*:([^\n]*(?:\n[ \t][^\n]*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_FIELD_LINES = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*+)*+(?:\r?\n)?")
_MULTIPART = re.compile(rb"multipart", re.IGNORECASE)
_MESSAGE = re.compile("|".join(MESSAGES).encode(), re.IGNORECASE)
_DASHES = re.compile(rb"^--([^\r\n]{1,200})", re.MULTILINE)
_LINE_END = re.compile(rb"\r?\n")
_REST_OF_CLOSING = re.compile(rb"(?:--)?[ \t]*(?=\r?\n|\Z)")
_BARE_CR = re.compile(rb"\r(?!\n)")


def contents(part: Part, message: bytes) -> tuple[bytes, ...]:
    """All contents that readers make of the bytes of one part, the first as `mime.decoded` gives it."""
    return transfer.readings(message[part.body : part.end], part.encoding)


def names(part: Part, message: bytes) -> tuple[str, ...]:
    """All file names that readers find in the header of a part, the first as the part has it."""
    header = message[part.start : part.body]
    found = [part.name]
    for field in _NAMED_FIELD.findall(header):
        for name in ("filename", "name"):
            found += (given.text.strip() for given in parameters.every(field, name))
    return tuple(dict.fromkeys(name for name in found if name))


_NAMED_FIELD = re.compile(
    rb"^content-(?:type|disposition)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE | re.IGNORECASE
)


def other_parts(message: bytes, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """What else somebody could see: text around the parts of containers, and parts of other readings.

    Of each, `parent` says in which of `parts` it lies; it is no container. If there are more than can be
    looked at, the last one says so in `unopened`.
    """
    around = tuple(_around(message, parts))
    found: dict[tuple[int, int, str], Part] = {}
    exploring = _Exploring(message)
    if not all(part.clear for part in parts):
        known = {(part.body, part.end, part.encoding) for part in parts}
        for part in exploring.all_parts(parts[0].start, parts[0].end):
            if (part.body, part.end, part.encoding) not in known:
                found.setdefault((part.body, part.end, part.encoding), part)
    if exploring.gave_up:
        return (*around, _whole(parts[0], TOO_MANY_READINGS))
    owned = (_owned(part, parts, number) for number, part in enumerate(found.values(), 1))
    return (*around, *owned, *_with_other_line_ends(message, parts))


def _around(message: bytes, parts: tuple[Part, ...]) -> Iterator[Part]:
    """The texts before the first and behind the last part of each multipart."""
    first: dict[int, Part] = {}
    last: dict[int, Part] = {}
    for part in parts:
        first.setdefault(part.parent, part)
        last[part.parent] = part
    for index, part in enumerate(parts):
        if not part.container or not part.boundary:
            continue
        for what, start, end in (
            ("preamble", part.body, first[index].delimiter),
            ("epilogue", _behind_closing(message, last[index].end, part), part.end),
        ):
            if message[start:end].strip():
                yield _text(f"{part.path}.{what}".lstrip("."), index, start, end)


def _behind_closing(message: bytes, start: int, container: Part) -> int:
    """Where the text begins that follows the closing boundary lines at `start`."""
    mark = b"--" + container.boundary
    while line := _LINE_END.match(message, start, container.end):
        if not message.startswith(mark, line.end()):
            return line.end()
        rest = _REST_OF_CLOSING.match(message, line.end() + len(mark), container.end)
        if rest is None:
            break
        start = rest.end()
    return start


def _text(path: str, parent: int, start: int, end: int) -> Part:
    return Part(path, parent, start, start, start, end, "text/plain", "", "", "", "", False)


def _whole(message: Part, unopened: str) -> Part:
    return replace(_text("other", 0, message.start, message.end), unopened=unopened)


def _owned(other: Part, parts: tuple[Part, ...], number: int) -> Part:
    """The part of another reading, with the smallest of `parts` that it lies in as its parent."""
    around = [
        index for index, part in enumerate(parts) if part.start <= other.start and other.end <= part.end
    ]
    smallest = min(around, key=lambda index: parts[index].end - parts[index].start, default=0)
    return replace(other, path=f"{parts[smallest].path}.other{number}".lstrip("."), parent=smallest)


def _with_other_line_ends(message: bytes, parts: tuple[Part, ...]) -> Iterator[Part]:
    """The leaves of a message in which a bare CR ends a line too, where it has any.

    The bytes of message and reading have the same places.
    """
    if message.count(b"\r") == message.count(b"\r\n"):
        return
    reading = _BARE_CR.sub(b"\n", message)
    known = {(part.body, part.end, part.encoding) for part in parts}
    others = (part for part in take_apart(reading) if not part.container)
    for number, part in enumerate(others, 1):
        if (part.body, part.end, part.encoding) not in known:
            other = _owned(part, parts, number)
            yield replace(other, path=f"{other.path}.cr")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a part may stand."""

    start: int
    end: int
    depth: int = 0


class _Exploring:
    """Goes all ways through a message, each place once."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._seen: set[tuple[int, int]] = set()
        self._places = self._bytes = 0
        self.gave_up = False

    def all_parts(self, start: int, end: int) -> Iterator[Part]:
        """All leaves of all readings, some of them several times."""
        waiting = [_Place(start, end)]
        while waiting and not self.gave_up:
            place = waiting.pop()
            if (place.start, place.end) in self._seen:
                continue
            self._seen.add((place.start, place.end))
            self.gave_up |= place.depth > MOST_DEPTH
            for body in self._bodies(place):
                yield from self._read(place, body, waiting)

    def _bodies(self, place: _Place) -> list[int]:
        """Where the content may begin: behind the empty line, or before the first line that is no field."""
        message, limit = self._message, min(place.end, place.start + MOST_HEADER_BYTES)
        lines = _FIELD_LINES.match(message, place.start, limit)
        strict = lines.end() if lines else place.start
        return list(dict.fromkeys((strict, min(header_end(message, place.start, place.end), place.end))))

    def _read(self, place: _Place, body: int, waiting: list[_Place]) -> Iterator[Part]:
        fields = _CONTENT_FIELD.findall(self._message[place.start : body])
        types = [value for name, value in fields if name.lower() == b"type"]
        encodings = [
            encoding
            for name, value in fields
            if name.lower() != b"type"
            for encoding in transfer.encodings_in(value)
        ]
        inner: list[_Place] = []
        if any(map(_MULTIPART.search, types)):
            inner += self._inside(place, body, types)
        if any(map(_MESSAGE.search, types)):
            inner.append(_Place(body, place.end, place.depth + 1))
        waiting += inner
        if not inner:
            encodings.insert(0, "")
        # Who decodes a multipart as a whole finds parts in what comes out.
        content_type = "multipart/mixed" if any(map(_MULTIPART.search, types)) else "text/plain"
        for encoding in dict.fromkeys(encodings):
            leaf = _text("", 0, place.start, place.end)
            leaf_type = content_type if encoding else "text/plain"
            yield replace(leaf, body=body, encoding=encoding, content_type=leaf_type)

    def _inside(self, place: _Place, body: int, types: Iterable[bytes]) -> Iterator[_Place]:
        """The places between the lines of any boundary that the header gives, or else that the text shows."""
        message = self._message
        given = dict.fromkeys(
            found.content.rstrip() for value in types for found in parameters.every(value, "boundary")
        )
        usable = [one for one in given if one and b"--" + one in message[body : place.end]]
        if not usable:
            shown = _DASHES.search(message, body, place.end)
            usable = [shown[1].rstrip()] if shown else []
        for boundary in usable[:MOST_BOUNDARIES]:
            # Who looks for the end of this multipart alone does not see where its container ends.
            for end in dict.fromkeys((place.end, len(message))):
                strict, agreed = between_boundaries(message, body, end, boundary, MOST_PARTS)
                places = {(start, until) for _, start, until in strict}
                if not agreed:
                    places |= self._between_loose(body, end, boundary)
                self._places += len(places)
                self._bytes += end - body
                if self._places > MOST_PLACES or self._bytes > MOST_BYTES:
                    self.gave_up = True
                    return
                yield from (_Place(start, until, place.depth + 1) for start, until in places)
                if agreed:
                    break

    def _between_loose(self, body: int, end: int, boundary: bytes) -> set[tuple[int, int]]:
        """The places where every line counts that begins with the boundary."""
        message, mark = self._message, b"\n--" + boundary
        lines: list[tuple[int, int]] = []
        position = max(body - 1, 0)
        while (at := message.find(mark, position, end)) >= 0 and len(lines) <= MOST_PARTS:
            line_end = message.find(b"\n", at + 1, end)
            position = end if line_end < 0 else line_end
            lines.append((max(at, body), position + 1 if line_end >= 0 else end))
        ends = [start for start, _ in lines[1:]] + [end]
        return {(line[1], max(line[1], until)) for line, until in zip(lines, ends, strict=True)}
