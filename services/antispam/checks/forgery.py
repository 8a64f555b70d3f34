"""Signs of a message that names a program which does not write such messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.domain.journey import Finding
from services.antispam.view import View

_LEFT = re.compile(r"\s*<([^<>@\s]*)@")
_EXPRESS_ID = re.compile(r"[0-9a-f]{12}\$[0-9a-f]{8}\$[0-9a-f]{8}|[0-9A-F]{32}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Habit:
    """What a program never does."""

    breaks: Callable[[View], bool]
    reason: str


@dataclass(frozen=True, slots=True)
class _Program:
    name: re.Pattern[str]  # as X-Mailer has it
    habits: tuple[_Habit, ...]


def _has_other_id(view: View) -> bool:
    left = _LEFT.match(view.value("message-id"))
    return left is not None and not _EXPRESS_ID.fullmatch(left[1])


def _has_no_plain_text(view: View) -> bool:
    parts = view.message.parts
    return "text/html" in parts and "text/plain" not in parts


def _lacks(field: str) -> Callable[[View], bool]:
    return lambda view: not view.has(field)


_PROGRAMS = (
    _Program(
        # That of the Macintosh is another program, and writes none of these.
        re.compile(r"Microsoft (?:Outlook Express \d|Windows (?:Live )?Mail)"),
        (
            _Habit(_has_other_id, "writes other Message-IDs than this one"),
            _Habit(_has_no_plain_text, "never sends HTML without plain text beside it"),
            _Habit(_lacks("x-mimeole"), "always writes X-MimeOLE"),
            _Habit(_lacks("x-priority"), "always writes X-Priority"),
        ),
    ),
    _Program(
        re.compile(r"Microsoft Outlook(?: IMO)?, Build (?:9|10)\."),
        (
            _Habit(_has_no_plain_text, "never sends HTML without plain text beside it"),
            _Habit(_lacks("x-mimeole"), "always writes X-MimeOLE"),
        ),
    ),
)


def forgery(view: View) -> Iterator[Finding]:
    """A finding when the program that X-Mailer names did not write the message."""
    named = view.value("x-mailer").strip()
    if not named or view.discussion or view.bulk:
        return  # lists rewrite what they pass on
    for program in _PROGRAMS:
        if program.name.match(named):
            for habit in program.habits:
                if habit.breaks(view):
                    yield Finding("mailer.forged", f"{named[:40]!r} {habit.reason}")
                    return
