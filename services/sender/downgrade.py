"""Makes a message of 8-bit bytes one of 7-bit bytes that means the same (RFC 6152 §3, RFC 2045 §6).

Only what has 8-bit bytes is written anew; all other bytes stay. What a signature covers is not touched, and
what cannot be said in 7 bits is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.domain import transfer
from gateway.domain.headers import Field, fields
from gateway.domain.mail import Edit
from gateway.domain.mime import MESSAGES, Part, take_apart
from gateway.domain.transfer import BASE64, QUOTED_PRINTABLE
from services.sender.asciifields import Unencodable, in_ascii

_IDENTITY = ("", "7bit", "8bit", "binary")
"""Transfer encodings that leave content as it is (RFC 2045 §6.2)."""
_EIGHT_BIT = ("8bit", "binary")
_SEVEN_BIT = "7bit"

_ENCODABLE_MESSAGES = ("message/global", "message/global-headers", "message/global-delivery-status")
"""Attached messages that may be encoded (RFC 6532 §3.7, RFC 6533 §5); all others may not."""

_UNKNOWN_CHARSET = "unknown-8bit"
"""What text in no known charset is called (RFC 1428 §3)."""

_QUESTION_MARKS = bytes(range(128)) + b"?" * 128


class Inconvertible(ValueError):
    """The message cannot be said in 7 bits: words that go on behind "and"."""


def downgraded(message: bytes) -> bytes:
    """`message` in 7 bits. Raises `Inconvertible`."""
    pieces: list[bytes] = []
    position = 0
    for edit in sorted(_edits(message), key=lambda edit: (edit.start, edit.end)):
        pieces += (message[position : edit.start], edit.replacement)
        position = edit.end
    pieces.append(message[position:])
    converted = b"".join(pieces)
    if not converted.isascii():
        raise Inconvertible("its structure is too broken to convert it")
    return converted


@dataclass(frozen=True, slots=True)
class _Label:
    """What the header of a part has to say of its new content."""

    encoding: str
    charset: str = ""  # "" when there is nothing to say of one
    mime: bool = False  # the part is a message, so that its header has to say that it is MIME


def _edits(message: bytes) -> Iterator[Edit]:
    parts = take_apart(message)
    children: dict[int, list[Part]] = {}
    for part in parts:
        children.setdefault(part.parent, []).append(part)
    done = 0  # all before this byte is settled
    for place, part in enumerate(parts):
        if part.start < done:
            continue
        is_ascii = message[part.body : part.end].isascii()
        if part.content_type == "multipart/signed":
            if not is_ascii:
                raise Inconvertible("to convert it would break its signature")
            yield from _header_edits(message, part, None)
            done = part.end
        elif is_ascii or (part.container and part.content_type not in _ENCODABLE_MESSAGES):
            label = _Label(_SEVEN_BIT) if part.encoding in _EIGHT_BIT else None
            yield from _header_edits(message, part, label)
            if not is_ascii:
                yield from _gap_edits(message, part, children[place])
        else:
            yield from _content_edits(message, part, is_message=_is_message(parts, part))
            done = part.end


def _is_message(parts: Sequence[Part], part: Part) -> bool:
    return part.parent < 0 or parts[part.parent].content_type in MESSAGES


def _content_edits(message: bytes, part: Part, *, is_message: bool) -> Iterator[Edit]:
    if part.content_type.startswith(("multipart/", "message/")) and (
        part.content_type not in _ENCODABLE_MESSAGES
    ):
        raise Inconvertible(f"a part of the type {part.content_type} cannot be converted")
    raw = message[part.body : part.end]
    if part.encoding in _IDENTITY:
        content = raw
    elif transfer.is_encoded(part.encoding):
        content = transfer.decode(raw, part.encoding)
    else:
        raise Inconvertible(f"nobody knows the encoding {part.encoding}")

    is_text = part.content_type.startswith("text/")
    charset = _charset(content) if is_text and not part.charset else ""
    encoding = _shorter_encoding(content) if is_text else BASE64
    yield from _header_edits(message, part, _Label(encoding, charset, is_message))
    # The line end before a boundary belongs to the boundary; a message ends with one of its own.
    end = b"\r\n" if encoding == BASE64 and raw.endswith(b"\n") else b""
    yield Edit(part.body, part.end, transfer.encode(content, encoding) + end)


def _charset(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _UNKNOWN_CHARSET
    return "utf-8"


def _shorter_encoding(content: bytes) -> str:
    # Quoted-printable makes three bytes of each, base64 four bytes of three.
    eight_bit = len(content) - len(content.translate(None, bytes(range(128, 256))))
    return QUOTED_PRINTABLE if eight_bit * 6 < len(content) else BASE64


def _gap_edits(message: bytes, part: Part, children: Sequence[Part]) -> Iterator[Edit]:
    """What stands around the parts of a container means nothing (RFC 2046 §5.1.1)."""
    position = part.body
    for start, end in (*((child.delimiter, child.end) for child in children), (part.end, part.end)):
        gap = message[position:start]
        if not gap.isascii():
            yield Edit(position, start, gap.translate(_QUESTION_MARKS))
        position = end


def _header_edits(message: bytes, part: Part, label: _Label | None) -> Iterator[Edit]:
    """All fields in ASCII, and those that say how the content is encoded as `label` has it."""
    missing = _missing_fields(label) if label else {}
    for field in fields(message, part.start, part.body):
        name = field.name.lower()
        old = message[field.start : field.end]
        new = old if old.isascii() else _ascii_field(message, field)
        if label and name == "content-transfer-encoding":
            # A second one would contradict the first.
            new = missing.pop(name, b"")
        elif label and name == "content-type" and missing.pop(name, b"") and label.charset:
            new = new.rstrip(b"\r\n; \t") + f";\r\n charset={label.charset}\r\n".encode()
        elif name == "mime-version":
            missing.pop(name, b"")
        if new != old:
            yield Edit(field.start, field.end, new)
    if missing:
        yield _insertion(message, part, b"".join(missing.values()))


def _missing_fields(label: _Label) -> dict[str, bytes]:
    """The fields that a header without any would need."""
    missing = {"mime-version": b"MIME-Version: 1.0\r\n"} if label.mime else {}
    if label.charset:
        missing["content-type"] = f"Content-Type: text/plain; charset={label.charset}\r\n".encode()
    encoding = f"Content-Transfer-Encoding: {label.encoding}\r\n".encode()
    return {**missing, "content-transfer-encoding": encoding}


def _ascii_field(message: bytes, field: Field) -> bytes:
    try:
        return in_ascii(field.name, message[field.value_start : field.end])
    except Unencodable:
        raise Inconvertible(f"its field {field.name} cannot be converted") from None


def _insertion(message: bytes, part: Part, lines: bytes) -> Edit:
    """`lines` at the end of the header, before the empty line, which is added where there is none."""
    header = message[part.start : part.body]
    for empty in (b"\r\n", b"\n"):
        if header.endswith(empty) and (len(header) == len(empty) or header[: -len(empty)].endswith(b"\n")):
            at = part.body - len(empty)
            return Edit(at, at, lines)
    opening = b"" if not header or header.endswith(b"\n") else b"\r\n"
    return Edit(part.body, part.body, opening + lines + b"\r\n")
