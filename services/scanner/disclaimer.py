"""The disclaimer under the text of a message, added as edits of the parts that are its text.

Each alternative of the text has it, once. What is signed or encrypted is left alone: the one would be worth
nothing any more, and in the other there is no place. A part stays in its charset and encoding where they
can say the disclaimer; a plain text whose charset cannot is rewritten in UTF-8.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain import transfer
from gateway.domain.headers import decode_charset
from gateway.domain.mail import Edit
from gateway.domain.mime import Part, take_apart
from services.scanner.treatment import instead

HTML, PLAIN = "text/html", "text/plain"

_LEFT_ALONE = {
    "multipart/signed": "the message is signed",
    "multipart/encrypted": "the message is encrypted",
    "application/pkcs7-mime": "the message is signed or encrypted",
    "application/x-pkcs7-mime": "the message is signed or encrypted",
}
_PGP = re.compile(rb"^-----BEGIN PGP (?:SIGNED )?MESSAGE", re.MULTILINE)
_FLOWED = re.compile(rb"format\s*=\s*\"?flowed", re.IGNORECASE)
_STUFFED = re.compile(r"^(?=[ >]|From )", re.MULTILINE)
_BODY_END = re.compile(rb"</body", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Added:
    """What adds the disclaimer, or why it is not added."""

    edits: tuple[Edit, ...] = ()
    left_alone: str = ""


class _LeftAlone(Exception):
    """The message is not to be touched; why."""


def added(message: bytes, disclaimer: str, taken: Sequence[Edit]) -> Added:
    """Add a text to the text of `message`. Parts that `taken` edits change have become something else."""
    parts = take_apart(message, open_messages=False)
    text = disclaimer.strip("\r\n")
    try:
        found = _Texts(message, parts, taken).of(0)
        edits = [edit for part in found for edit in _edits(message, part, text)]
    except _LeftAlone as reason:
        return Added(left_alone=str(reason))
    if not edits:
        return Added(left_alone="the message has no text")
    return Added(tuple(sorted(edits, key=lambda edit: (edit.start, edit.end))))


@dataclass(frozen=True, slots=True)
class _Texts:
    """Looks for the text of a message among its parts."""

    message: bytes
    parts: Sequence[Part]
    taken: Sequence[Edit]

    def of(self, index: int) -> list[Part]:
        """The parts below this one that are the text: several where they are alternatives."""
        part = self.parts[index]
        if part.content_type in _LEFT_ALONE:
            raise _LeftAlone(_LEFT_ALONE[part.content_type])
        if not part.container:
            return [part] if self._is_text(part) else []
        below = [number for number, one in enumerate(self.parts) if one.parent == index]
        if part.content_type == "multipart/alternative":
            return [text for number in below for text in self.of(number)]
        if part.content_type == "multipart/related":
            below = below[:1]
        return next((texts for number in below if (texts := self.of(number))), [])

    def _is_text(self, part: Part) -> bool:
        if part.content_type not in (PLAIN, HTML) or part.name or part.disposition == "attachment":
            return False
        if any(edit.start < part.end and edit.end > part.body for edit in self.taken):
            return False
        if _PGP.search(self.message, part.body, part.end):
            raise _LeftAlone("the message is signed or encrypted")
        return True


def _edits(message: bytes, part: Part, text: str) -> list[Edit]:
    try:
        if part.encoding == transfer.UUENCODE:
            raise _LeftAlone("its text is uuencoded")
        addition = _addition(message, part, text)
    except UnicodeEncodeError:
        return _rewritten(message, part, text)
    if part.encoding == transfer.BASE64:
        return [_into_base64(message, part, addition)]
    place = _place(message[part.body : part.end], part)
    return [Edit(part.body + place, part.body + place, transfer.encode(addition, part.encoding))]


def _addition(message: bytes, part: Part, text: str) -> bytes:
    """What is added, in the charset of the part. `UnicodeEncodeError` when that cannot say it."""
    charset = part.charset or "us-ascii"
    try:
        is_ascii = " \r\n<".encode(charset) == b" \r\n<"
    except (LookupError, ValueError):
        is_ascii = False
    if not is_ascii:
        raise UnicodeEncodeError("ascii", text, 0, 1, f"{charset} is no extension of ASCII")
    if part.content_type == HTML:
        lines = html.escape(text, quote=False).replace("\r\n", "<br>\r\n")
        return f"\r\n<hr><div>\r\n{lines}\r\n</div>\r\n".encode("ascii", "xmlcharrefreplace")
    encoded = f"\r\n{_as_plain(message, part, text)}\r\n".encode(charset)
    if not encoded.isascii() and part.encoding in ("", "7bit"):
        raise UnicodeEncodeError("ascii", text, 0, 1, "the part is encoded for ASCII alone")
    ended = message.endswith(b"\n", part.body, part.end) or part.body == part.end
    return encoded if ended and part.encoding != transfer.BASE64 else b"\r\n" + encoded


def _as_plain(message: bytes, part: Part, text: str) -> str:
    """The text as paragraphs of a part: none of its lines flows into another (RFC 3676 §4)."""
    if not _FLOWED.search(message, part.start, part.body):
        return text
    return _STUFFED.sub(" ", re.sub(r" +(?=\r\n|\Z)", "", text))


def _place(content: bytes, part: Part) -> int:
    """Where in the content of a part something is added: at its end, or that of the body of HTML."""
    ends = list(_BODY_END.finditer(content)) if part.content_type == HTML else []
    return ends[-1].start() if ends else len(content)


def _into_base64(message: bytes, part: Part, addition: bytes) -> Edit:
    raw = message[part.body : part.end]
    content = transfer.decode(raw, part.encoding)
    place = _place(content, part)
    encoded = transfer.encode(content[:place] + addition + content[place:], part.encoding)
    return Edit(part.body, part.end, encoded + b"\r\n" if raw.endswith(b"\n") else encoded)


def _rewritten(message: bytes, part: Part, text: str) -> list[Edit]:
    """The part in UTF-8, with what its own charset cannot say."""
    raw = transfer.decode(message[part.body : part.end], part.encoding)
    try:
        content = decode_charset(raw, part.charset or "us-ascii")
    except (LookupError, ValueError):
        raise _LeftAlone("its text is in an unknown charset") from None
    if part.content_type == HTML:
        raise _LeftAlone("its text is HTML in a charset that is no extension of ASCII")
    whole = "\r\n".join((content.rstrip("\r\n"), "", _as_plain(message, part, text), ""))
    flowed = "; format=flowed" if _FLOWED.search(message, part.start, part.body) else ""
    header = (
        f"Content-Type: text/plain; charset=utf-8{flowed}\r\n"
        f"Content-Transfer-Encoding: {transfer.QUOTED_PRINTABLE}\r\n"
    )
    encoded = transfer.encode(whole.encode("utf-8", "replace"), transfer.QUOTED_PRINTABLE)
    return list(instead(part, message, header.encode(), encoded))
