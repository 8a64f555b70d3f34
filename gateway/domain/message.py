"""The message as it leaves: fields on top, the original body, and the places where it was changed.

The body itself is never copied to change it. `pieces` says what to send and in which order, so that a
sender can stream a large message from where it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gateway.domain.mail import Edit, Mail


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` to `end` of the stored body, as they came."""

    start: int
    end: int


def pieces(mail: Mail) -> Iterator[bytes | Span]:
    """The whole message in order: bytes to send as they are, and spans of the body to fill in.

    Raises `ValueError` before the first piece when the edits of `mail` are out of order, overlap or reach
    beyond the body: such a mail was made wrongly, and half of it must not be sent.
    """
    _check(mail.edits, mail.body.size)
    return _pieces(mail)


def composed(mail: Mail, body: bytes) -> bytes:
    """The whole message in one piece. Raises `ValueError` as `pieces` does."""
    if not mail.edits:
        return mail.top + body if mail.top else body
    view = memoryview(body)
    return b"".join(
        view[piece.start : piece.end] if isinstance(piece, Span) else piece for piece in pieces(mail)
    )


def with_edits(mail: Mail, new: Iterable[Edit]) -> Mail:
    """`mail` with `new` edits among those that it has, all in order.

    An edit that covers an earlier stage's edit takes its place: what that one changed is gone. One that only
    cuts into another raises `ValueError`, since either order would lose a part of somebody's work.
    """
    new = tuple(sorted(new, key=_place))
    if not new:
        return mail
    _check(new, mail.body.size)
    kept = tuple(old for old in mail.edits if not any(_covers(edit, old) for edit in new))
    edits = tuple(sorted(kept + new, key=_place))
    _check(edits, mail.body.size)
    return replace(mail, edits=edits)


def as_it_entered(mail: Mail) -> Mail:
    """`mail` with no edits but those that take away what strangers said in our name."""
    forged = mail.authentication.forged if mail.authentication else ()
    if not (forged or mail.edits):
        return mail
    return replace(mail, edits=tuple(Edit(start, end) for start, end in forged))


def _pieces(mail: Mail) -> Iterator[bytes | Span]:
    if mail.top:
        yield mail.top
    position = 0
    for edit in mail.edits:
        if edit.start > position:
            yield Span(position, edit.start)
        if edit.replacement:
            yield edit.replacement
        position = edit.end
    if position < mail.body.size:
        yield Span(position, mail.body.size)


def _check(edits: Iterable[Edit], size: int) -> None:
    position = 0
    for edit in edits:
        if not position <= edit.start <= edit.end <= size:
            raise ValueError(
                f"an edit of bytes {edit.start} to {edit.end} has no place behind byte {position} of {size}"
            )
        position = edit.end


def _place(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


def _covers(edit: Edit, other: Edit) -> bool:
    if other.start == other.end:  # an insertion at an edge stays: it stands beside what is replaced
        return edit.start < other.start < edit.end
    return edit.start <= other.start and other.end <= edit.end
