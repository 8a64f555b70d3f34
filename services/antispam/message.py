"""A message as the checks and the marking see it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from gateway.domain.headers import Field, fields, header_end, named, text_value

MOST_SUBJECTS = 16
"""Fields that are read as the Subject: one is the rule."""

LONGEST_SUBJECT = 4096
"""Characters of a Subject that are read."""


@dataclass(frozen=True, slots=True)
class Message:
    """The header block of a message, its fields by their place, and what a person reads of it."""

    head: bytes = b""
    fields: tuple[Field, ...] = ()
    subject_fields: tuple[Field, ...] = ()  # who sends several hopes that we read another than the recipient
    subjects: tuple[str, ...] = ()  # their text


def read_message(start: bytes) -> Message:
    """The message that begins with these bytes, its header block among them."""
    head = start[: header_end(start)]
    found = fields(head)
    subjects = tuple(islice(named(found, "Subject"), MOST_SUBJECTS))
    return Message(
        head, found, subjects, tuple(text_value(head, field)[:LONGEST_SUBJECT] for field in subjects)
    )
