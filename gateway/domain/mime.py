"""The structure of a message by byte offsets: which part stands where, and what it says of itself.

`take_apart` looks at each byte once a level and copies none, so that one part can be replaced while all
other bytes stay as they came. It never raises and never recurses. Where a message is broken it takes the
reading that loses nothing: a part without an end goes on to the end, what follows a closing boundary
behind the same boundary is one more part, and what cannot be taken apart within the limits says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gateway.domain import parameters, transfer
from gateway.domain.headers import MOST_HEADER_BYTES, header_end

MOST_DEPTH = 50
"""Levels of parts inside parts; real mail has at most a dozen."""
MOST_PARTS = 5_000
"""Parts of one message; a large digest has some hundreds."""

MESSAGES = ("message/rfc822", "message/global")
"""Types of attached messages (RFC 2046 §5.2.1, RFC 6532 §3.7)."""

TOO_DEEP = "nested too deep"
TOO_MANY = "too many parts"

_PLAIN = "text/plain"

_TYPE = re.compile(r"\s*([^\s/;]+)\s*/\s*([^\s/;]+)")
# Some readers pass over a stray character beside the name of a field, and then it is one for them.
_CONTENT_FIELD = re.compile(
    rb"^([^\w\s]?)content-(type|transfer-encoding|disposition)([^\n:\w]*):([^\n]*(?:\n[ \t][^\n]*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_PLAIN_VALUE = re.compile(rb"[^\0\r(]*(?:\r\n[^\0\r(]*)*\r?")
# A mailbox's `From ` line counts as one of the header when a field follows.
_HEADER_LINES = re.compile(
    rb"(?:>?From [^\n]*\n(?=[!-9;-~]+[ \t]*:))?"
    rb"(?:[!-9;-~]+[ \t]*:[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*+)*+"
)
_BOUNDARY_LINE = re.compile(rb"^--[^:\n]*\n", re.MULTILINE)
_EMPTY_LINE = re.compile(rb"\r?\n")
_CR = 0x0D
_BEHIND_BOUNDARY = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: a container if it was taken apart, else a leaf with content.

    From `delimiter` to `start` stands the boundary line before the part, with the line end that belongs to
    it; of the message itself and of an attached message it is empty. From `start` to `body` stands the
    header, from `body` to `end` the content, still encoded.
    """

    path: str  # "1.2": the second part of the first. "" is the message around parts, "1" one without any
    parent: int  # where its container stands among the parts; -1 for the message itself
    delimiter: int
    start: int
    body: int
    end: int
    content_type: str  # lower case, "text/plain" when none is given
    charset: str  # lower case, "" when none is given
    encoding: str  # as `transfer` names it, "" when none is given
    disposition: str  # lower case
    name: str  # file name, decoded
    container: bool
    unopened: str = ""  # why it was not taken apart: TOO_DEEP or TOO_MANY
    boundary: bytes = b""  # of a multipart
    clear: bool = True  # False: another reader may see another structure or encoding

    def moved(self, by: int) -> Part:
        """The same part of the same bytes, which stand `by` bytes further on."""
        return replace(
            self,
            delimiter=self.delimiter + by,
            start=self.start + by,
            body=self.body + by,
            end=self.end + by,
        )


def take_apart(
    message: bytes,
    *,
    open_messages: bool = True,
    most_depth: int = MOST_DEPTH,
    most_parts: int = MOST_PARTS,
) -> tuple[Part, ...]:
    """All parts in the order of their bytes, each container before what it holds; the first is the message.

    `open_messages` takes attached messages apart too, where they stand as they are: an encoded one has no
    offsets in this message.
    """
    parts: list[Part] = []
    waiting = [_Section(0, 0, len(message))]
    while waiting:
        section = waiting.pop()
        header = _read_header(message, section)
        inside, agreed = _inside(message, section, header, open_messages=open_messages, most=most_parts)
        unopened = ""
        if inside and section.depth >= most_depth:
            unopened = TOO_DEEP
        elif inside and len(parts) + len(waiting) + len(inside) >= most_parts:
            unopened = TOO_MANY

        container = bool(inside) and not unopened
        path = section.path or ("" if container else "1")
        if container:
            waiting.extend(_sections(inside, header, path, len(parts), section.depth + 1))
        parts.append(
            Part(
                path,
                section.parent,
                section.delimiter,
                section.start,
                header.end,
                section.end,
                header.content_type,
                header.charset,
                header.encoding,
                header.disposition,
                header.name,
                container,
                unopened,
                header.boundary,
                header.clear and agreed,
            )
        )
    return tuple(parts)


def decoded(part: Part, message: bytes, limit: int | None = None) -> bytes:
    """The content of a part, at most `limit` bytes of it; never raises."""
    return transfer.decode(message[part.body : part.end], part.encoding, limit)


def closed(parts: tuple[Part, ...], container: Part) -> tuple[tuple[Part, ...], Part]:
    """`parts` with one container as a part that nobody took apart; and that part."""
    kept: list[Part] = []
    places: dict[int, int] = {}  # of those that are kept, where they stood before
    whole = replace(container, container=False, path=container.path or "1")
    for index, part in enumerate(parts):
        inside = part.parent >= 0 and (part.parent not in places or parts[part.parent] is container)
        if inside:
            continue
        places[index] = len(kept)
        parent = places[part.parent] if part.parent >= 0 else -1
        kept.append(replace(whole if part is container else part, parent=parent))
    return tuple(kept), kept[places[parts.index(container)]]


@dataclass(frozen=True, slots=True)
class _Section:
    """A place with a part that nobody has read yet."""

    delimiter: int
    start: int
    end: int
    path: str = ""
    parent: int = -1
    depth: int = 0
    default_type: str = _PLAIN


@dataclass(frozen=True, slots=True)
class _Header:
    end: int
    content_type: str
    charset: str
    encoding: str
    disposition: str
    name: str
    boundary: bytes
    clear: bool


_Place = tuple[int, int, int]  # delimiter, start and end


def _sections(
    places: list[_Place], header: _Header, path: str, parent: int, depth: int
) -> Iterator[_Section]:
    """What stands in a container, the last one first: the next to be read is taken from the end."""
    default_type = MESSAGES[0] if header.content_type == "multipart/digest" else _PLAIN  # RFC 2046 §5.1.5
    stem = f"{path}." if path else ""
    for number in range(len(places), 0, -1):
        yield _Section(*places[number - 1], f"{stem}{number}", parent, depth, default_type)


def _read_header(message: bytes, section: _Section) -> _Header:
    end, clear = _header_end(message, section.start, section.end)
    values: dict[bytes, bytes] = {}
    for before, name, behind, value in _CONTENT_FIELD.findall(message[section.start : end]):
        name = name.lower()
        clear = clear and name not in values and _PLAIN_VALUE.fullmatch(value) is not None
        if before or behind.strip(b" \t") or (name == b"transfer-encoding" and len(value.split()) > 1):
            clear = False
        if not before and not behind.strip(b" \t"):
            values.setdefault(name, value)

    head, typed = parameters.parse(values.get(b"type", b""))
    disposition, disposed = parameters.parse(values.get(b"disposition", b""))
    name = disposed.get("filename") or typed.get("name")
    charset, boundary = typed.get("charset"), typed.get("boundary")
    return _Header(
        end,
        _content_type(head, section.default_type),
        charset.text.strip().lower() if charset else "",
        transfer.encoding_of(values.get(b"transfer-encoding", b"")),
        disposition,
        name.text.strip() if name else "",
        boundary.content.rstrip() if boundary else b"",  # RFC 2046 §5.1.1: it does not end with a space
        clear and values.get(b"type", b"").lower().count(b"boundary") < 2 and _is_plain(head),
    )


def _is_plain(head: str) -> bool:
    """Whether a Content-Type is missing or of the one form that all readers know."""
    found = _TYPE.match(head)
    return not head or (found is not None and found.end() == len(head))


def _content_type(head: str, default: str) -> str:
    found = _TYPE.match(head)
    if found:
        return f"{found[1]}/{found[2]}"
    return _PLAIN if head else default  # RFC 2045 §5.2: what cannot be read is plain text


def _header_end(message: bytes, start: int, end: int) -> tuple[int, bool]:
    """Where the header of a part ends: behind the empty line, or at the first line that is no field.

    Content must not hide in a header: a part may have none, and its empty line may be missing. Also whether
    all readers see its end there.
    """
    end = min(end, start + MOST_HEADER_BYTES)
    lines = _HEADER_LINES.match(message, start, end)
    fields_end = lines.end() if lines else start
    empty_line = _EMPTY_LINE.match(message, fields_end, end)
    if empty_line:
        return empty_line.end(), True
    # Mail programs pass over lines that are no field, so they are no end where it is clearly a header:
    # unless one looks like a boundary.
    block_end = min(header_end(message, start, end), end)
    rest = message[fields_end:block_end]
    boundary = _BOUNDARY_LINE.search(rest)
    if boundary:
        return fields_end + boundary.start(), False
    is_header = fields_end > start or _CONTENT_FIELD.search(rest)
    return block_end if is_header and rest.endswith((b"\n\n", b"\n\r\n")) else fields_end, not rest


def _inside(
    message: bytes, section: _Section, header: _Header, *, open_messages: bool, most: int
) -> tuple[list[_Place], bool]:
    """The places of what a part holds, none if it is no container; and whether all readers see these."""
    if header.content_type.startswith("multipart/"):
        places, agreed = between_boundaries(message, header.end, section.end, header.boundary, most)
        return places, agreed and bool(places) and header.encoding not in ("base64", "quoted-printable")
    if open_messages and header.content_type in MESSAGES and not transfer.is_encoded(header.encoding):
        return [(header.end, header.end, section.end)], True
    return [], True


def between_boundaries(
    message: bytes, body: int, end: int, boundary: bytes, most: int
) -> tuple[list[_Place], bool]:
    """The places between the boundary lines of a multipart (RFC 2046 §5.1.1); may stop behind `most`.

    Also whether all readers see these: none does who takes a line for a boundary that only begins with it,
    or who looks for the end of a multipart behind that of its container.
    """
    if not boundary:
        return [], False
    places: list[_Place] = []
    opened: tuple[int, int] | None = None  # the boundary line of the part that we are in
    mark = b"\n--" + boundary
    seen = 0
    for start, line_end, closing in _boundary_lines(message, body, end, mark):
        seen += 1
        if opened:
            places.append((*opened, start))
        opened = None if closing else (start, line_end)
        if len(places) > most:
            return places, False
    agreed = seen == message.count(mark, max(body - 1, 0), end)
    if opened:
        places.append((*opened, end))
        agreed = agreed and message.find(mark, end) < 0
    return places, agreed


def _boundary_lines(message: bytes, body: int, end: int, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Start and end of each boundary line, its line ends included, and whether it is a closing one.

    Where two of them share a line end, it belongs to the second: so none overlaps another.
    """
    position = max(body - 1, 0)  # the line end before a boundary may be that of the empty line
    pending: tuple[int, int, bool] | None = None
    while (at := message.find(mark, position, end)) >= 0:
        position = at + len(mark)
        line = _BEHIND_BOUNDARY.match(message, position, end)
        if line is None:  # the beginning of a longer boundary
            continue
        start = at - 1 if at > body and message[at - 1] == _CR else at
        if pending:
            yield pending[0], min(pending[1], start), pending[2]
        pending = max(start, body), line.end(), bool(line[1])
        position = max(position, line.end() - 1)
    if pending:
        yield pending
