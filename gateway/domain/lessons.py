"""Lessons: what operators say of messages, for the spam filter to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

MOST_LESSONS = 10_000
"""That are kept; beyond them the oldest are forgotten."""

MOST_CONTENT = 1 << 18
"""Bytes of a message that are learned from: its beginning."""

LONGEST_TITLE = 200
"""Characters of a Subject that a lesson keeps."""


class Told(StrEnum):
    """What an operator said of a message."""

    SPAM = "spam"
    GOOD = "good"


class LessonState(StrEnum):
    """How far a lesson got."""

    WAITS = "waits"  # for a running spam filter to read it
    LEARNED = "learned"
    FAILED = "failed"  # the message says too little, or cannot be read


@dataclass(frozen=True, slots=True)
class Lesson:
    """A message, and what an operator said of it."""

    id: str  # of the message: the same one taught twice is one lesson
    told: Told
    told_at: datetime
    told_by: str  # who is logged in, or the holder of a token
    origin: str  # where the message came from, for people
    title: str  # its Subject
    state: LessonState = LessonState.WAITS
    failure: str = ""  # why nothing was learned


@dataclass(frozen=True, slots=True)
class LessonChange:
    """What became of a lesson, for who follows them."""

    number: int  # of the change: later ones have higher numbers
    id: str
    told: Told
    features: bytes | None  # what the filter made of the message; None: the lesson is taken back


def lesson_id(message: bytes) -> str:
    """The id of a lesson about that message."""
    return sha256(message).hexdigest()[:32]
