"""Digests that a message carries of its parts, and that are wrong once a part has changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.domain.headers import fields, named
from gateway.domain.mail import Edit
from gateway.domain.mime import Part

_DIGEST = "Content-MD5"


def without_stale_digests(message: bytes, parts: Sequence[Part], edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """`edits`, and those that take `Content-MD5` (RFC 1864) from the parts whose content they change.

    That a part contains a changed one is enough. A digest of ours instead would claim that the sender had
    sent the part so.
    """
    if not edits:
        return ()
    return tuple(sorted((*edits, *_stale(message, parts, edits)), key=lambda edit: (edit.start, edit.end)))


def _stale(message: bytes, parts: Sequence[Part], edits: Sequence[Edit]) -> Iterator[Edit]:
    for part in parts:
        if not any(_changes(edit, part) for edit in edits):
            continue
        for field in named(fields(message, part.start, part.body), _DIGEST):
            if not any(edit.start < field.end and edit.end > field.start for edit in edits):
                yield Edit(field.start, field.end)


def _changes(edit: Edit, part: Part) -> bool:
    if edit.start == edit.end:  # an insertion at an edge belongs to the part as well
        return part.body <= edit.start <= part.end
    return edit.start < part.end and edit.end > part.body
